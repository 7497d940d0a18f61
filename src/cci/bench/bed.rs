//! The world of a measurement: a prefix and directories of its own, and their removal, however it ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cci_core::name::{ContainerName, Prefix};
use cci_core::network::Mode;
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_incus::{EventBody, EventKind, Events, StateChange};
use tempfile::TempDir;

use super::calm::{self, Calm};
use super::checkpoints;
use super::collected::Collected;
use crate::ui::terminal::Terminal;
use cci_engine::context::Context;
use cci_engine::incus_error::DuringStep;
use cci_engine::instance::remove::remove_any;
use cci_engine::network;
use cci_host::settings::Overrule;

/// How long everything may take to go.
const CLEAR: Duration = Duration::from_secs(180);
/// How long the end of a container is waited for.
pub(super) const END: Duration = Duration::from_secs(60);

/// Where things are measured.
pub(super) struct Bed {
    /// The caller's context with the bed's own prefix.
    pub(super) cx: Context,
    /// Where its steps are told.
    pub(super) terminal: Arc<Terminal>,
    /// How often each row is measured.
    pub(super) runs: u32,
    /// The `incus` command, where it is measured too.
    pub(super) incus: Option<PathBuf>,
    dir: TempDir,
    calm: Calm,
    networks: BTreeSet<String>,
}

impl Bed {
    /// Makes the directories.
    pub(super) async fn make(cx: &Context, terminal: Arc<Terminal>, runs: u32, incus: Option<PathBuf>) -> Result<Self> {
        // not in `~/.cci`, of which no container sees anything
        let home = cx.caller.home.join(".cache/cci");
        let wanted = home.clone();
        let host = |source| Error::Host { step: "make a directory in", path: wanted.clone(), source };
        std::fs::create_dir_all(&home).map_err(&host)?;
        // a process that is there finds itself in the place without links
        let home = home.canonicalize().map_err(&host)?;
        let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(&home).map_err(host)?;
        let random = uuid::Uuid::new_v4().simple().to_string();
        let prefix = Prefix::parse(&format!("bench{}-", random.get(..8).unwrap_or_default()))
            .map_err(|error| Error::Internal(error.to_string()))?;
        let networks = cx.client.in_project("default").networks().await.during("list the networks")?;
        Ok(Self {
            cx: Context { prefix, ..cx.clone() },
            terminal,
            runs,
            incus,
            dir,
            calm: Calm::new(),
            networks: networks.into_iter().map(|network| network.name).collect(),
        })
    }

    /// A directory of the bed, made if it is not there.
    pub(super) fn dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).map_err(|source| Error::Host { step: "make", path: path.clone(), source })?;
        Ok(path)
    }

    /// Where the sessions of the bed are.
    pub(super) fn sessions(&self) -> PathBuf {
        self.dir.path().join("sessions")
    }

    /// The context of a launch in one of the bed's project directories.
    pub(super) fn context(&self, workspace: &str, persistent: bool) -> Result<Context> {
        self.overruled(workspace, Overrule { persistent: Some(persistent), ..Overrule::default() })
    }

    /// The same in a network mode of its own, for a container that does not outlive its stop.
    pub(super) fn context_under(&self, mode: Mode, workspace: &str) -> Result<Context> {
        self.overruled(workspace, Overrule { persistent: Some(false), network: Some(mode), ..Overrule::default() })
    }

    fn overruled(&self, workspace: &str, overrule: Overrule) -> Result<Context> {
        let cx = Context { workspace: Workspace::at(self.dir(workspace)?), ..self.cx.clone() };
        cx.with_stack(cx.stack.overruled(overrule))
    }

    /// One of the bed's project directories as a workspace.
    pub(super) fn workspace(&self, name: &str) -> Result<Workspace> {
        self.dir(name).map(Workspace::at)
    }

    /// The name of a copy of a container.
    pub(super) fn copy_name(&self) -> String {
        format!("{}copy", self.cx.prefix.as_str())
    }

    /// The name of the container in a slot of one of the bed's project directories.
    pub(super) fn name(&self, workspace: &str, slot: u8) -> String {
        let workspace = Workspace::at(self.dir.path().join(workspace));
        ContainerName::new(&self.cx.prefix, &workspace, Slot::new(slot).unwrap_or(Slot::FIRST)).to_string()
    }

    /// Does something and says how long it took; a signal ends it.
    pub(super) async fn timed<T>(&self, work: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
        let began = Instant::now();
        let done = self.cx.scope.until_cancelled(work).await?;
        Ok((done, began.elapsed()))
    }

    /// Waits until the machine has done with what was measured before: it is on the disk, and the processors rest.
    pub(super) async fn calm(&self) -> Result<()> {
        self.timed(calm::written(self.path())).await?;
        let (in_vain, _) = self.timed(async { Ok(self.calm.wait(calm::at_work).await) }).await?;
        if in_vain {
            self.terminal.warn("the system did not become idle: the remaining results are taken under load");
        }
        Ok(())
    }

    /// Measures rows; a failure is noted in them and the others go on, unless nothing can go on.
    pub(super) async fn part(
        &self,
        all: &Collected,
        keys: &[&'static str],
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        if !all.wants(keys) {
            return Ok(());
        }
        match work.await {
            Err(error @ (Error::Interrupted | Error::IncusUnreachable { .. } | Error::IncusForbidden { .. })) => {
                Err(error)
            }
            Err(error) => {
                all.failed(keys, &error.to_string());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Begins to look out for containers that are deleted.
    pub(super) async fn ends(&self) -> Result<Ends> {
        let events = self.cx.client.events(&[EventKind::Lifecycle], false).await.during("follow Incus's events")?;
        Ok(Ends { events })
    }

    /// Ends containers at once and waits until Incus has deleted them.
    pub(super) async fn end(&self, names: &[String]) -> Result<()> {
        let mut ends = self.ends().await?;
        let stops = names.iter().map(|name| async move {
            let stop = StateChange::kill();
            let stopped = async { self.cx.client.change_state(name, &stop).await?.wait("stop it", END).await };
            // one that is gone already is not an error here
            let _ = stopped.await;
        });
        self.timed(async {
            futures_util::future::join_all(stops).await;
            ends.of(self, names).await
        })
        .await
        .map(drop)
    }

    /// Removes everything that the measurement made.
    pub(super) async fn clear_away(self) -> Result<()> {
        let containers = self.remove_containers().await;
        let checkpoints = checkpoints::remove(&self.cx, self.path()).await;
        let networks = self.remove_networks().await;
        let path = self.dir.path().to_owned();
        let files = self.dir.close().map_err(|source| Error::Host { step: "remove", path, source });
        containers.and(checkpoints).and(networks).and(files)
    }

    /// Every container with the bed's prefix, whatever Incus still does with it.
    pub(super) async fn remove_containers(&self) -> Result<()> {
        let late = || Error::TimedOut {
            step: "removing the containers".into(),
            seconds: CLEAR.as_secs(),
            still_running: true,
        };
        tokio::time::timeout(CLEAR, self.until_removed()).await.unwrap_or_else(|_| Err(late()))
    }

    async fn until_removed(&self) -> Result<()> {
        let client = &self.cx.client;
        loop {
            let all = client.instances().await.during("list the containers")?;
            let left: Vec<_> =
                all.into_iter().filter(|instance| instance.name.starts_with(self.cx.prefix.as_str())).collect();
            if left.is_empty() {
                return Ok(());
            }
            let gone = left.iter().map(|instance| remove_any(client, &instance.name));
            futures_util::future::try_join_all(gone).await?;
        }
    }

    /// The policies that were made for the measurement.
    async fn remove_networks(&self) -> Result<()> {
        for unused in network::unused(&self.cx, &[]).await? {
            if !self.networks.contains(unused.name.bridge()) {
                network::remove(&self.cx, &unused).await?;
            }
        }
        Ok(())
    }

    /// The bed's own place on the disk.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Incus's events, to see containers go.
pub(super) struct Ends {
    events: Events,
}

impl Ends {
    /// Waits until all of these are deleted; what was deleted before is asked for once.
    pub(super) async fn of(&mut self, bed: &Bed, names: &[String]) -> Result<()> {
        let mut left: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let all_gone = async {
            while !left.is_empty() {
                let event = self.events.next().await.ok_or_else(|| Error::Internal("Incus's events ended".into()))?;
                if let EventBody::Lifecycle(lifecycle) = event.during("follow Incus's events")?.body
                    && lifecycle.action == "instance-deleted"
                    && let Some(name) = lifecycle.instance()
                {
                    left.remove(name.as_str());
                }
            }
            Ok(())
        };
        match tokio::time::timeout(END, all_gone).await {
            Ok(done) => done,
            Err(_) => self.asked(bed, names).await,
        }
    }

    async fn asked(&self, bed: &Bed, names: &[String]) -> Result<()> {
        for name in names {
            match bed.cx.client.instance(name).await {
                Err(error) if error.is_not_found() => {}
                _ => {
                    return Err(Error::TimedOut {
                        step: format!("the end of container {name}"),
                        seconds: END.as_secs(),
                        still_running: true,
                    });
                }
            }
        }
        Ok(())
    }
}
