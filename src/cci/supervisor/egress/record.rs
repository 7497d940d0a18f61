//! What is written of a session's connections: all of them into its own record, and into the log what was refused, each
//! thing once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use cci_core::audit::Event;
use cci_core::session::SessionId;
use cci_engine::blocking::blocking;
use cci_host::store::audit::Audits;
use cci_proxy::egress::{Note, Notes, Refusal};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::notice::Notice;
use super::refusals::{Refusals, Refused};
use crate::supervisor::bucket::Bucket;
use crate::supervisor::log::Log;

/// So many different refusals of one session are in the log: names can be made up without end.
const MOST: usize = 200;
/// So many events wait to be written.
const WAITING: usize = 4096;
/// So many of these places are left to what is not the container's doing.
const LEFT: usize = 256;
/// How many events come at once at most, and how soon one more may come: nobody floods a record until what it had is gone.
const SHARE: (u32, Duration) = (5_000, Duration::from_millis(50));

/// What is written of one session: whoever has it adds to it.
#[derive(Clone)]
pub(in crate::supervisor) struct Record(Rc<Inner>);

struct Inner {
    session: SessionId,
    log: Rc<Log>,
    told: RefCell<BTreeSet<String>>,
    refusals: RefCell<Refusals>,
    /// What the session's person is to see now.
    notice: watch::Sender<Option<Notice>>,
    writer: mpsc::Sender<(String, Event)>,
    share: RefCell<Bucket>,
    unwritten: Cell<u64>,
}

impl Record {
    /// Begins to write, in a task that comes to its end after the session.
    pub(in crate::supervisor) fn begin(session: SessionId, audits: &Audits, work: &TaskTracker, log: &Rc<Log>) -> Self {
        let (writer, events) = mpsc::channel(WAITING);
        work.spawn_local(write(audits.clone(), session, events, Rc::clone(log)));
        let (log, share) = (Rc::clone(log), RefCell::new(Bucket::holding(SHARE.0, SHARE.1)));
        Self(Rc::new(Inner {
            session,
            log,
            told: RefCell::default(),
            refusals: RefCell::default(),
            notice: watch::Sender::new(None),
            writer,
            share,
            unwritten: Cell::new(0),
        }))
    }

    /// Writes a line about the session into the log.
    pub(super) fn say(&self, what: impl fmt::Display) {
        self.0.log.say(format_args!("{}: {what}", self.0.session));
    }

    /// What was refused lately.
    pub(super) fn refused(&self) -> Vec<Refused> {
        self.0.refusals.borrow().all()
    }

    /// What was refused since the agent was told last.
    pub(super) fn untold(&self) -> Vec<Refused> {
        self.0.refusals.borrow_mut().untold()
    }

    /// What the session's person is to see, as it changes.
    pub(super) fn notices(&self) -> watch::Receiver<Option<Notice>> {
        self.0.notice.subscribe()
    }

    fn refuse(&self, refusal: &Refusal) {
        self.tell_once(refusal.to_string());
        self.0.notice.send_replace(Some(Notice::Refused(refusal.clone())));
        self.0.refusals.borrow_mut().add(now(), refusal.clone());
    }

    /// The agent asks its person for a host.
    pub(super) fn asked(&self, entry: String, reason: String) {
        self.say(format_args!("the agent asks for {entry}: {reason}"));
        self.0.notice.send_replace(Some(Notice::Asked(entry.clone())));
        self.keep(Event::Asked { entry, reason });
    }

    fn tell_once(&self, refusal: String) {
        let mut told = self.0.told.borrow_mut();
        if told.contains(&refusal) || told.len() > MOST {
            return;
        }
        if told.len() < MOST {
            self.say(format_args!("refused: {refusal}"));
        } else {
            self.say("refused: and more, which is in its record only");
        }
        told.insert(refusal);
    }

    /// Hands an event to the writer, or counts it.
    pub(in crate::supervisor) fn keep(&self, event: Event) {
        let Inner { share, unwritten, writer, .. } = &*self.0;
        let at = now();
        // a container that floods its record does not keep out of it what its person did
        if !event.is_of_the_host() && (writer.capacity() <= LEFT || !share.borrow_mut().take()) {
            return unwritten.set(unwritten.get() + 1);
        }
        let count = unwritten.get();
        if count > 0 && writer.try_send((at.clone(), Event::Unwritten { count })).is_ok() {
            unwritten.set(0);
        }
        if writer.try_send((at, event)).is_err() {
            unwritten.set(unwritten.get() + 1);
        }
    }
}

impl Notes for Record {
    fn note(&self, note: Note) {
        if let Note::Refused(refusal) = &note {
            self.refuse(refusal);
        }
        self.keep(event(note));
    }
}

/// The time, in RFC 3339.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn event(note: Note) -> Event {
    match note {
        Note::Opened { name, address, rule, secrets } => {
            Event::Opened { name: name.into(), address: address.to_string(), rule, secrets }
        }
        Note::Refused(refusal) => {
            let host = refusal.asked().map(|(name, port)| match port {
                Some(port) => format!("{name}:{port}"),
                None => name.to_string(),
            });
            let near = matches!(refusal, Refusal::Special { .. });
            Event::Refused { why: refusal.to_string(), host, near }
        }
        Note::Closed { name, address, sent, received, lasted } => Event::Closed {
            name: name.into(),
            address: address.to_string(),
            sent,
            received,
            milliseconds: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        },
    }
}

/// Writes what comes until nothing can come any more. What cannot be written, as on a full disk, stops nothing.
async fn write(audits: Audits, session: SessionId, mut events: mpsc::Receiver<(String, Event)>, log: Rc<Log>) {
    let mut told = false;
    loop {
        let mut some = Vec::new();
        if events.recv_many(&mut some, WAITING).await == 0 {
            return;
        }
        let audits = audits.clone();
        // opened anew each time: another process may have added to it
        let written = blocking(move || Ok(audits.open(session).and_then(|mut audit| audit.append(&some)))).await;
        match written {
            Ok(Err(error)) if !told => {
                told = true;
                log.say(format_args!("{session}: its record cannot be written: {error}"));
            }
            _ => {}
        }
    }
}
