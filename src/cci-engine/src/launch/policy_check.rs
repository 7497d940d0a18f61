//! Verifies that a policy whose bridge the host shows is in force, while the container is already being created.
//!
//! Incus takes longer to describe a network and its rules than to answer everything else that a launch needs, because
//! it collects who uses them. A launch waits for that before the first command, not before the create; if the rules
//! turn out to have been different, the container is created again behind the right ones.

use std::sync::atomic::{AtomicBool, Ordering};

use cci_core::network::Policy;
use cci_core::plan::LaunchPlan;
use cci_core::{Error, Result};
use tokio::sync::OnceCell;

use crate::context::Context;
use crate::network::{self, Ensured};

/// What a launch still has to verify.
pub(crate) struct PolicyCheck {
    policy: Option<Policy>,
    found: OnceCell<Ensured>,
    /// Whether what was found, or corrected by a try that failed, still requires the container to be created again.
    late: AtomicBool,
}

impl PolicyCheck {
    /// Nothing: Incus was asked already, or there is no policy.
    pub(super) fn none() -> Self {
        Self { policy: None, found: OnceCell::new(), late: AtomicBool::default() }
    }

    /// That this policy is in force.
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy: Some(policy), ..Self::none() }
    }

    /// Asks Incus, once; the policy is brought up to date, or created if its bridge was removed meanwhile.
    pub(crate) async fn verify(&self, cx: &Context) -> Result<()> {
        let Some(policy) = &self.policy else { return Ok(()) };
        let look = async {
            let found = network::ensure(cx, policy).await;
            self.late.fetch_or(found.as_ref().map_or(true, |found| found.changed), Ordering::Relaxed);
            found
        };
        self.found.get_or_try_init(|| look).await.map(drop)
    }

    /// Whether the container created meanwhile may have run before its rules were right; true only once.
    pub(super) async fn came_late(&self, cx: &Context) -> Result<bool> {
        self.verify(cx).await?;
        Ok(self.late.swap(false, Ordering::Relaxed))
    }

    /// Asks Incus, and compares the plan with the network that it reports: no command may begin before.
    pub(super) async fn holds_for(&self, cx: &Context, plan: &LaunchPlan) -> Result<()> {
        self.verify(cx).await?;
        let Some(policy) = &self.policy else { return Ok(()) };
        let is_planned = |found: &Ensured| Some(found.subnet) == plan.subnet();
        // a network that was removed and created again after it was examined can have another subnet
        if self.found.get().is_some_and(is_planned) || is_planned(&network::ensure(cx, policy).await?) {
            return Ok(());
        }
        let bridge = policy.name();
        Err(Error::HostUnfit {
            problem: format!("interface {bridge} of the host has another address than network {bridge} of Incus"),
            hint: Some(format!("compare `ip address show {bridge}` with `incus network get {bridge} ipv4.address`")),
        })
    }
}
