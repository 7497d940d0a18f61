//! What the container of a launch gets its root file system from: an image, or a checkpoint.

use std::path::Path;
use std::time::Duration;

use cci_core::Result;
use cci_core::machine::MachineSpec;
use cci_core::machine_id::MachineId;
use cci_core::mark::Marks;
use cci_core::plan::LaunchPlan;
use cci_incus::{Disk, NewInstance, Source};

use super::facts::Survey;
use super::image::{Found, as_made, check_boundary, has_gvisor};
use crate::context::Context;
use crate::instance::create::{copy_request, request};
use crate::instance::original::Original;

/// How long Incus may take to unpack an image and start the container.
const UNPACK: Duration = Duration::from_secs(180);
/// How long it may take to copy a container and start the copy.
const COPY: Duration = Duration::from_secs(20 * 60);

/// Where it comes from.
pub(super) enum Origin<'a> {
    /// An image of this Incus.
    Image(&'a Found),
    /// The root file system of a checkpoint, with the disk that the default profile gives to containers.
    Root(&'a Original, Disk),
}

impl<'a> Origin<'a> {
    /// The origin that a launch has, and the plan for it.
    pub(super) async fn of(cx: &Context, plan: &LaunchPlan, survey: &'a Survey) -> Result<(Self, LaunchPlan)> {
        if let Some(root) = &survey.root {
            let disk = survey.host.root.clone().unwrap_or_default();
            let plan = as_made(plan, &root.instance.config);
            check_boundary(&plan, has_gvisor(&root.instance.config))?;
            let plan = if is_of(root, cx.workspace.path()) { plan } else { plan.identified(new_machine_id()) };
            return Ok((Self::Root(root, disk), plan));
        }
        let image = survey.image.found(cx).await?;
        check_boundary(plan, image.has_gvisor)?;
        Ok((Self::Image(image), plan.from_image(plan.image(), image.takes_resolv)))
    }

    /// How long Incus may take: a pool without copy-on-write copies every file of a checkpoint.
    pub(super) fn limit(&self) -> Duration {
        match self {
            Self::Image(_) => UNPACK,
            Self::Root(..) => COPY,
        }
    }

    /// The request that makes and starts a machine from it.
    pub(super) fn request(&self, wanted: &MachineSpec) -> NewInstance {
        match self {
            // the fingerprint, so that an alias that moves meanwhile cannot change what was examined
            Self::Image(image) => request(wanted, Source::fingerprint(&image.fingerprint), true),
            Self::Root(root, disk) => {
                let mut new = copy_request(wanted, root, true);
                // the checkpoint's own disk would stay, whatever pool and size are wanted now
                new.devices
                    .insert(ROOT.to_owned(), wanted.devices.get(ROOT).cloned().unwrap_or_else(|| disk.clone().into()));
                new
            }
        }
    }
}

/// Whether a root file system is that of a container of this workspace: the container of another one goes on beside it.
fn is_of(root: &Original, workspace: &Path) -> bool {
    Marks::from_config(&root.instance.config).and_then(|marks| marks.workspace).as_deref() == Some(workspace)
}

fn new_machine_id() -> MachineId {
    MachineId::from_uuid(uuid::Uuid::new_v4().as_u128())
}

/// The device of the root disk.
const ROOT: &str = "root";
