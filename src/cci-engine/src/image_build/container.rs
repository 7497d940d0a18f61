//! The container that an image is built in, and the one that tests the result.

use std::time::Duration;

use cci_core::Result;
use cci_core::build::files::GuestFile;
use cci_core::build::steps::Step;
use cci_core::machine::MachineSpec;
use cci_core::mark::Marks;
use cci_incus::{Devices, Disk, FileOwner, Source};

use super::base::Base;
use super::log::Log;
use super::steps;
use crate::context::Context;
use crate::event::{Amount, BuildStep};
use crate::incus_error::DuringStep;
use crate::instance::create::create;
use crate::instance::remove::remove_launched;
use crate::instance::stop::{Stop, stop};
use crate::ledger::Made;

/// How long Incus may take to fetch an image, unpack it and start the container.
const CREATE: Duration = Duration::from_secs(20 * 60);

/// A running container for the build steps.
pub(crate) struct BuildContainer {
    pub(crate) name: String,
    made: Made,
    mark: String,
}

impl BuildContainer {
    /// Creates it from the base of a build, and starts it.
    pub(crate) async fn start(cx: &Context, base: Base, mark: &str) -> Result<Self> {
        let imported = base.import(cx, mark).await?;
        let container = Self::create(cx, imported.source(), mark, true).await?;
        imported.remove(cx).await?;
        Ok(container)
    }

    pub(super) async fn create(cx: &Context, source: Source, mark: &str, start: bool) -> Result<Self> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{}build-{}", cx.prefix.as_str(), &random[..8]);
        let machine = MachineSpec {
            nesting: true,
            devices: devices(cx),
            ephemeral: false,
            ..MachineSpec::own_work(name.clone(), Marks::of_build(cx.caller.ids.uid, mark))
        };
        let step = "create the build container";
        let made = create(cx, &machine, source, start, step, CREATE).await.during(step)?;
        Ok(Self { name, made, mark: mark.to_owned() })
    }

    /// Puts files into it, owned by root.
    pub(crate) async fn put(&self, cx: &Context, files: &[GuestFile]) -> Result<()> {
        for file in files {
            let during = format!("put {} into the build container", file.path);
            let directory = file.path.rsplit_once('/').map_or("/", |(directory, _)| directory);
            let owner = FileOwner { uid: 0, gid: 0, mode: 0o755 };
            // the directory exists in every distribution that has the program which reads it; otherwise the error says
            // so
            let _ = cx.client.make_dir(&self.name, directory, &owner).await;
            let owner = FileOwner { mode: file.mode, ..owner };
            cx.client.push_file(&self.name, &file.path, file.content.clone(), &owner).await.during(&during)?;
        }
        Ok(())
    }

    /// Stops it without asking: a shutdown would write what the last step has just removed.
    pub(crate) async fn stop(&self, cx: &Context) -> Result<()> {
        stop(cx, &self.name, Stop::Now, "stop the build container").await
    }

    /// Removes it; nothing of it remains to be rolled back.
    pub(crate) async fn remove(self, cx: &Context) -> Result<()> {
        remove_launched(&cx.client, &self.name, &self.mark).await?;
        cx.scope.ledger.forget(&self.made);
        Ok(())
    }
}

/// Creates a container of the new image and tests it; that also unpacks the image for the first launch.
pub(crate) async fn try_out(
    cx: &Context,
    fingerprint: &str,
    mark: &str,
    trial: Option<&Step>,
    log: &Log,
) -> Result<()> {
    let created = BuildContainer::create(cx, Source::fingerprint(fingerprint), mark, trial.is_some());
    let container = steps::timed(cx, log, &BuildStep::Unpack, created).await?;
    if let Some(step) = trial {
        steps::run(cx, &container.name, step, Amount::Unknown, log).await?;
    }
    container.remove(cx).await
}

/// The default profile's devices, with the root disk on the configured pool.
fn devices(cx: &Context) -> Devices {
    let pool = cx.settings.incus.storage_pool.as_deref();
    pool.map(|pool| ("root".to_owned(), Disk::root(pool).into())).into_iter().collect()
}
