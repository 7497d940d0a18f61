//! Which conversations containers have, in every project of Incus: `~/.cci` is shared by all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use cci_core::mark::{Kind, Marks};
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_incus::{Instance, OperationKind, Status};
use futures_util::future::try_join_all;

use crate::checkpoint::place;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::operations::pending;
use crate::instance::ownership;

/// What fails, as errors name it.
const STEP: &str = "list the containers";
/// How long a container may take to start.
const START: Duration = Duration::from_secs(60);

/// A container with a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) instance: Instance,
    pub(crate) session: SessionId,
    pub(crate) launch: String,
}

impl Holder {
    /// Whether its agent is running.
    pub(crate) fn runs(&self) -> bool {
        self.instance.status_code == Status::Running
    }

    /// Whether its agent is running, or about to: it was never started.
    pub(crate) fn may_run(&self) -> bool {
        self.instance.status_code != Status::Stopped || !ownership::was_started(&self.instance)
    }

    /// Whether it is the container of this launch.
    pub(crate) fn is(&self, name: &str, launch: &str) -> bool {
        self.instance.name == name && self.launch == launch
    }

    fn from(instance: Instance) -> Option<Self> {
        let marks = Marks::from_config(&instance.config).filter(|marks| marks.kind != Kind::Checkpoint)?;
        Some(Self { session: marks.session?, launch: marks.launch, instance })
    }
}

/// Every container with a conversation, of every project but those of the checkpoints: the hundreds of copies in one have
/// none, and Incus takes longer for them than for all the rest.
pub(crate) async fn all(cx: &Context) -> Result<Vec<Holder>> {
    let (projects, own) = tokio::try_join!(cx.client.projects(), cx.client.instances()).during(STEP)?;
    let others = projects.iter().filter(|one| one.name != cx.client.project() && !place::is_of_checkpoints(one));
    let lists = others.map(|project| async { cx.client.in_project(&project.name).instances().await });
    let theirs = try_join_all(lists).await.during(STEP)?;
    Ok(own.into_iter().chain(theirs.into_iter().flatten()).filter_map(Holder::from).collect())
}

/// Another container of the same conversation that was created before ours: of several resumes at once one continues.
///
/// One that does not run yet may be about to: it does not know of ours, and its start is waited for.
pub(crate) async fn earlier(cx: &Context, session: SessionId, ours: &str) -> Result<Option<Holder>> {
    let is_ours = |holder: &Holder| holder.instance.name == ours && is_here(cx, holder);
    let order = |holder: &Holder| (holder.instance.created_at.clone(), holder.instance.name.clone());
    let mut waited_for = BTreeSet::new();
    loop {
        let with_it = all(cx).await?.into_iter().filter(|holder| {
            let may_run = holder.runs() || !waited_for.contains(&holder.launch);
            holder.session == session && (is_ours(holder) || may_run)
        });
        let Some(first) = with_it.min_by_key(order).filter(|first| !is_ours(first)) else { return Ok(None) };
        if first.runs() {
            return Ok(Some(first));
        }
        started(cx, &first.instance).await?;
        waited_for.insert(first.launch);
    }
}

/// Waits until a container has started, if it is about to.
async fn started(cx: &Context, instance: &Instance) -> Result<()> {
    let client = cx.client.in_project(&instance.project);
    for operation in pending(&client, &instance.name).await? {
        if matches!(operation.kind(), OperationKind::Creating | OperationKind::Starting) {
            // one that has failed does not run
            let _ = operation.wait("wait for the start of a container", START).await;
        }
    }
    Ok(())
}

/// Refuses a conversation that is active in another project: two agents would overwrite each other's data.
pub(crate) async fn refuse_elsewhere(cx: &Context, session: SessionId) -> Result<()> {
    let holders = all(cx).await?;
    let other = holders.iter().find(|one| one.session == session && one.runs() && !is_here(cx, one));
    other.map_or(Ok(()), |other| Err(elsewhere(other)))
}

/// Whether a container is in the project of this call.
pub(crate) fn is_here(cx: &Context, holder: &Holder) -> bool {
    holder.instance.project == cx.client.project()
}

/// The refusal itself.
pub(crate) fn elsewhere(holder: &Holder) -> Error {
    let Holder { instance, session, .. } = holder;
    Error::Usage {
        problem: format!("session {session} runs in container {} of project {}", instance.name, instance.project),
        hint: Some(format!("continue there with INCUS_PROJECT={}, or stop it there", instance.project)),
    }
}
