//! Which of the noted sessions have a container, and whether it runs: Incus knows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cci_core::mark::Marks;
use cci_host::store::run_dir::Watched;
use cci_incus::{Client, EventBody, EventKind, Instance, Status};
use futures_util::future::LocalBoxFuture;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// What Incus says of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    /// Its container runs.
    Runs(String),
    /// It is stopped, and stays.
    Stopped,
    /// There is none.
    Gone,
    /// Incus does not answer.
    Unknown,
}

/// Who knows which sessions run.
pub(super) trait Lookout {
    /// What is known of each, in their order.
    fn look(&self, of: Vec<Watched>) -> LocalBoxFuture<'static, Vec<Presence>>;

    /// Notifies whenever that may have changed where this session is; ends never.
    fn changes(&self, of: Watched, changed: Rc<Notify>) -> LocalBoxFuture<'static, ()>;
}

/// How long Incus may take for its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon to listen again after the connection broke, and how late at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Asks Incus.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfIncus {
    /// The user whose containers count.
    pub(super) uid: u32,
}

fn client(of: &Watched) -> Client {
    Client::unix(&of.endpoint).in_project(&of.project)
}

impl Lookout for OfIncus {
    fn look(&self, of: Vec<Watched>) -> LocalBoxFuture<'static, Vec<Presence>> {
        let uid = self.uid;
        Box::pin(async move {
            let place = |one: &Watched| (one.endpoint.clone(), one.project.clone());
            let mut lists: BTreeMap<_, Option<Vec<Instance>>> = of.iter().map(|one| (place(one), None)).collect();
            for ((endpoint, project), list) in &mut lists {
                let client = Client::unix(endpoint.as_str()).in_project(project);
                *list = timeout(PATIENCE, client.instances()).await.ok().and_then(Result::ok);
            }
            let list = |one: &Watched| lists.get(&place(one)).and_then(Option::as_ref);
            of.iter().map(|one| list(one).map_or(Presence::Unknown, |list| presence(one, list, uid))).collect()
        })
    }

    fn changes(&self, of: Watched, changed: Rc<Notify>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let mut wait = AGAIN.0;
            loop {
                if let Ok(mut events) = client(&of).events(&[EventKind::Lifecycle], false).await {
                    wait = AGAIN.0;
                    // what happened before it was listened to
                    changed.notify_one();
                    while let Some(Ok(event)) = events.next().await {
                        if matches!(&event.body, EventBody::Lifecycle(one) if one.instance().is_some() && is_change(&one.action))
                        {
                            changed.notify_one();
                        }
                    }
                }
                sleep(wait).await;
                wait = (wait * 2).min(AGAIN.1);
                changed.notify_one();
            }
        })
    }
}

/// Whether a container may run, or be there, that did not before, or the other way round.
fn is_change(action: &str) -> bool {
    ["started", "stopped", "shutdown", "deleted", "renamed", "restarted", "created"]
        .iter()
        .any(|change| action.strip_prefix("instance-").is_some_and(|action| action == *change))
}

fn presence(of: &Watched, list: &[Instance], uid: u32) -> Presence {
    let is_of = |marks: &Marks| match &of.launch {
        Some(launch) => marks.launch == *launch,
        None => marks.session == Some(of.session),
    };
    let is_its = |instance: &&Instance| {
        Marks::from_config(&instance.config).is_some_and(|marks| is_of(&marks) && marks.owner_uid == uid)
    };
    let runs = |instance: &&Instance| matches!(instance.status_code, Status::Running | Status::Frozen);
    let mut its = list.iter().filter(is_its);
    match (its.clone().find(runs), its.next()) {
        (Some(running), _) => Presence::Runs(running.name.clone()),
        (None, Some(_)) => Presence::Stopped,
        (None, None) => Presence::Gone,
    }
}

#[cfg(test)]
mod tests {
    use cci_core::settings::CheckpointSettings;
    use cci_host::store::run_dir::{MachineNote, Owner};

    use super::*;

    #[test]
    fn what_has_no_conversation_is_known_by_its_launch() {
        let marks = [("managed", "true"), ("kind", "session"), ("owner-uid", "1000"), ("launch", "a1b2")];
        let config = marks.map(|(key, value)| (format!("user.cci.{key}"), value.to_owned()));
        let there =
            Instance { name: "c".into(), config: config.into(), status_code: Status::Running, ..Instance::default() };
        let mut of = Watched {
            session: cci_core::session::SessionId::from_random([1; 16]),
            launch: Some("a1b2".into()),
            sockets: false,
            workspace: "/w".into(),
            tool: "t".into(),
            profile: None,
            endpoint: "/s".into(),
            project: "default".into(),
            prefix: "cci-".into(),
            state: "/h/state".into(),
            machine: MachineNote::default(),
            sessions_dir: None,
            owner: Owner { uid: 1000, gid: 1000 },
            login: None,
            secrets: None,
            ssh: None,
            egress: None,
            checkpoints: CheckpointSettings::default(),
        };
        let list = std::slice::from_ref(&there);
        assert_eq!(presence(&of, list, 1000), Presence::Runs("c".into()));
        assert_eq!(presence(&of, list, 1001), Presence::Gone, "another user's");
        for launch in [Some("c3d4".to_owned()), None] {
            of.launch = launch;
            assert_eq!(presence(&of, list, 1000), Presence::Gone);
        }
    }

    #[test]
    fn what_can_change_who_runs_is_looked_at() {
        assert!(is_change("instance-stopped") && is_change("instance-deleted") && is_change("instance-started"));
        assert!(!is_change("instance-exec") && !is_change("image-created") && !is_change("instance-updated"));
    }
}
