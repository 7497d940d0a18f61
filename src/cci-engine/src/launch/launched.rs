//! What a launch comes to.

use cci_core::lifetime::Lifetime;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;

/// A container that this launch has for itself, running.
#[derive(Debug, Clone)]
pub(crate) struct Launched {
    pub(crate) name: String,
    pub(crate) slot: Slot,
    /// Whether it outlives its stop.
    pub(crate) lifetime: Lifetime,
    /// Whether it existed before and was started again.
    pub(crate) reused: bool,
    /// What of its configuration is not as it was.
    pub(crate) changed: Vec<String>,
    /// The plan as it was carried out: on the host as it turned out to be.
    pub(crate) plan: LaunchPlan,
}

/// What became of one try.
pub(super) enum Tried {
    /// The slot is this launch's.
    Ours(Box<Launched>),
    /// Another launch was quicker.
    Lost,
}

impl Tried {
    pub(super) fn ours(launched: Launched) -> Self {
        Self::Ours(Box::new(launched))
    }
}
