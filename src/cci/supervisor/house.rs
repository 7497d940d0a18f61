//! Which sessions are watched: those that their launches noted, as long as Incus has their containers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_core::audit::Event;
use cci_host::store::run_dir::{RunDir, Watched};
use cci_proxy::egress::Pipes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::egress::{self, Asked, Gateways};
use super::guest;
use super::login::{self, Logins};
use super::presence::{Lookout, Presence};
use super::secret;
use super::session::{Session, Shared};
use super::ssh;
use super::status::WatchedSession;

/// How long a session's container may be stopped or gone: a rewind puts another one in its place.
const NO_CONTAINER: Duration = Duration::from_secs(15);
/// How long Incus may be silent until a session counts as ended.
const SILENT: Duration = Duration::from_secs(600);

/// A session, and the tasks that end with it.
struct Entry {
    session: Rc<Session>,
    _tasks: JoinSet<()>,
    /// Since when it has not been seen running.
    missed: Option<Instant>,
}

/// All sessions of one user.
pub(super) struct House {
    run: RunDir,
    shared: Rc<Shared>,
    logins: Rc<Logins>,
    gateways: Gateways,
    /// Those that the ways out of all sessions share.
    pipes: Pipes,
    lookout: Rc<dyn Lookout>,
    /// Notified when it is time to look again.
    changed: Rc<Notify>,
    entries: RefCell<BTreeMap<String, Entry>>,
    /// Whether something was put off until no launch is in progress.
    put_off: Cell<bool>,
    /// The places that are listened to.
    places: RefCell<BTreeMap<(String, String), JoinSet<()>>>,
}

impl House {
    pub(super) fn new(
        run: RunDir,
        shared: Rc<Shared>,
        logins: Rc<Logins>,
        lookout: Rc<dyn Lookout>,
        changed: Rc<Notify>,
    ) -> Self {
        let (gateways, entries, places) = (Gateways::default(), RefCell::default(), RefCell::default());
        let (pipes, put_off) = (Pipes::default(), Cell::default());
        Self { run, shared, logins, gateways, pipes, lookout, changed, entries, put_off, places }
    }

    /// The sessions, as `status` tells them.
    pub(super) fn status(&self) -> Vec<WatchedSession> {
        let closed = |watched: &Watched| {
            let note = watched.egress.as_ref()?;
            let closed = note.doors.values().find_map(|door| self.gateways.closed(*door, note.address.into()))?;
            Some(format!("nobody can listen at its network's door: {closed}"))
        };
        self.entries.borrow().values().map(|entry| entry.session.status(closed(&entry.session.watched))).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Listens at once for what has been noted: a launch waits for that. Whether it runs is looked at afterwards.
    pub(super) fn admit(&self) -> Vec<Watched> {
        let noted = self.run.watched();
        let is_known = |watched: &Watched| {
            self.entries
                .borrow()
                .get(&watched.session.to_string())
                .is_some_and(|entry| entry.session.watched == *watched)
        };
        if !noted.iter().all(is_known) {
            self.changed.notify_one();
        }
        for watched in &noted {
            self.open(watched, None);
        }
        self.listen_to_places(&noted);
        noted
    }

    /// Looks which sessions run, and forgets those that are gone.
    pub(super) async fn look(&self) {
        self.put_off.set(false);
        let (noted, kept) = (self.admit(), self.run.kept());
        let presence = self.lookout.look([noted.clone(), kept.clone()].concat()).await;
        for (watched, presence) in noted.iter().zip(&presence) {
            self.judge(watched, presence);
        }
        for (watched, presence) in kept.iter().zip(presence.iter().skip(noted.len())) {
            match presence {
                Presence::Gone => {
                    self.is_done(self.run.forget_gone(watched));
                }
                // started by itself, and nobody else takes in what it asks for
                Presence::Runs(_) if watched.egress.is_some() && self.is_done(self.run.watch_again(watched)) => {
                    self.changed.notify_one();
                }
                _ => {}
            }
        }
        // what a launch has noted since is not judged yet
        let noted = self.run.watched();
        let is_noted = |entry: &Entry| noted.iter().any(|watched| watched.session == entry.session.watched.session);
        self.entries.borrow_mut().retain(|_, entry| is_noted(entry));
        self.is_done(self.run.remove_left());
        self.listen_to_places(&noted);
    }

    fn judge(&self, watched: &Watched, presence: &Presence) {
        let id = watched.session.to_string();
        match presence {
            Presence::Runs(container) => self.open(watched, Some(container)),
            Presence::Stopped if self.is_overdue(&id, NO_CONTAINER) && self.is_done(self.run.set_aside(watched)) => {
                self.close(&id, "its container is stopped");
            }
            Presence::Gone if self.is_overdue(&id, NO_CONTAINER) && self.is_done(self.run.forget_gone(watched)) => {
                self.close(&id, "its container is gone");
            }
            // the note stays: whoever calls cci next looks again
            Presence::Unknown if self.is_overdue(&id, SILENT) => self.close(&id, "Incus does not answer"),
            Presence::Stopped | Presence::Gone | Presence::Unknown => {}
        }
    }

    /// Whether the notes have been changed; what a launch in progress kept from it is tried again.
    fn is_done(&self, changed: cci_core::Result<bool>) -> bool {
        let done = changed.unwrap_or_else(|error| {
            self.shared.log.say(error);
            false
        });
        self.put_off.set(self.put_off.get() || !done);
        done
    }

    /// Whether a session has been missed for that long.
    fn is_overdue(&self, id: &str, long: Duration) -> bool {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(id) else { return true };
        entry.missed.get_or_insert_with(Instant::now).elapsed() >= long
    }

    /// Whether any session has been missed when it was looked at last, or something was put off: then it is soon time to
    /// look again.
    pub(super) fn is_unsure(&self) -> bool {
        self.put_off.get() || self.entries.borrow().values().any(|entry| entry.missed.is_some())
    }

    /// Lets a session reach something beside its policy.
    pub(super) async fn allow(&self, asked: Asked) -> io::Result<()> {
        let Asked { session, allowance } = asked;
        let rules = self
            .entries
            .borrow()
            .get(&session.to_string())
            .and_then(|entry| Some((entry.session.rules.get()?.clone(), entry.session.record.clone())));
        let Some((rules, record)) = rules else {
            return Err(io::Error::other("its connections are not judged by name"));
        };
        self.shared.log.say(format_args!("{session}: allowed: {allowance}"));
        record.keep(Event::Allowed { entry: allowance.to_string() });
        rules.allow(allowance).await
    }

    /// Listens for a session, if nobody does yet.
    fn open(&self, watched: &Watched, container: Option<&String>) {
        let id = watched.session.to_string();
        let mut entries = self.entries.borrow_mut();
        if let Some(entry) = entries.get_mut(&id).filter(|entry| entry.session.watched == *watched) {
            if let Some(container) = container {
                entry.missed = None;
                entry.session.container.borrow_mut().clone_from(container);
            }
            return;
        }
        // the earlier socket goes before the new one comes
        entries.remove(&id);
        let session = Session::new(watched.clone(), container.cloned().unwrap_or_default(), Rc::clone(&self.shared));
        let mut tasks = JoinSet::new();
        match watched.sockets.then(|| guest::begin(&self.run, &session, &mut tasks)) {
            None => self.shared.log.say(format_args!("{id}: watched, without a socket")),
            Some(Ok(())) => self.shared.log.say(format_args!("{id}: watched")),
            Some(Err(error)) => self.shared.log.say(format_args!("{id}: its socket cannot be opened: {error}")),
        }
        if let Err(error) = login::begin(&self.run, watched, &self.logins, &mut tasks) {
            self.shared.log.say(format_args!("{id}: its login cannot be served: {error}"));
        }
        if let Err(error) = secret::begin(&self.run, watched, &self.shared.vault, &mut tasks) {
            self.shared.log.say(format_args!("{id}: its secrets cannot be served: {error}"));
        }
        if let Err(error) = ssh::begin(&self.run, watched, &self.shared.log, &mut tasks) {
            self.shared.log.say(format_args!("{id}: its SSH agent cannot be served: {error}"));
        }
        let shared = (&self.run, &self.gateways, &self.shared.vault, &self.pipes);
        match egress::begin(watched, &session.record, shared, &mut tasks) {
            Ok(Some(rules)) => drop(session.rules.set(rules)),
            Ok(None) => {}
            Err(error) => self.shared.log.say(format_args!("{id}: its connections cannot be passed on: {error}")),
        }
        tasks.spawn_local(Rc::clone(&session).at_intervals());
        entries.insert(id, Entry { session, _tasks: tasks, missed: None });
    }

    fn close(&self, id: &str, why: &str) {
        if let Some(entry) = self.entries.borrow_mut().remove(id) {
            entry.session.record.keep(Event::Ended { why: why.to_owned() });
            self.shared.log.say(format_args!("{id}: no longer watched: {why}"));
        }
    }

    /// Closes all sockets: whoever comes now is refused at once.
    pub(super) fn close_all(&self) {
        for entry in self.entries.borrow().values() {
            entry.session.record.keep(Event::Ended { why: "the supervisor ends".to_owned() });
        }
        self.entries.borrow_mut().clear();
        self.places.borrow_mut().clear();
    }

    /// Hears of changes wherever a watched session is, and nowhere else.
    fn listen_to_places(&self, noted: &[Watched]) {
        let place = |watched: &Watched| (watched.endpoint.clone(), watched.project.clone());
        let mut places = self.places.borrow_mut();
        places.retain(|known, _| noted.iter().any(|watched| place(watched) == *known));
        for watched in noted {
            places.entry(place(watched)).or_insert_with(|| {
                let mut listening = JoinSet::new();
                listening.spawn_local(self.lookout.changes(watched.clone(), Rc::clone(&self.changed)));
                listening
            });
        }
    }
}
