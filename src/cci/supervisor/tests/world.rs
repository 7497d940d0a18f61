//! A supervisor's world: a `~/.cci`, what Incus would say, and who takes the checkpoints.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cci_core::checkpoint::{CheckpointId, Reference};
use cci_core::idmap::Ids;
use cci_core::session::SessionId;
use cci_core::settings::CheckpointSettings;
use cci_core::{Error, Result};
use cci_host::store::run_dir::{EgressNote, LoginNote, MachineNote, Owner, SecretsNote, Watched};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::supervisor::build::Build;
use crate::supervisor::control::Ended;
use crate::supervisor::login::{Asked, Outcome, Renews, renew};
use crate::supervisor::presence::{Lookout, Presence};
use crate::supervisor::run;
use crate::supervisor::{Duty, Moment, Of, Over, Place, Taken};

/// What a test sees and decides.
pub(super) struct World {
    pub(super) place: Place,
    pub(super) sky: Rc<Sky>,
    pub(super) hand: Rc<Hand>,
    pub(super) stop: CancellationToken,
    pub(super) version: &'static str,
    dir: tempfile::TempDir,
}

/// What Incus says.
pub(super) struct Sky {
    pub(super) says: RefCell<Presence>,
    pub(super) looks: Cell<usize>,
    pub(super) changed: RefCell<Option<Rc<Notify>>>,
}

impl Lookout for Sky {
    fn look(&self, of: Vec<Watched>) -> LocalBoxFuture<'static, Vec<Presence>> {
        self.looks.set(self.looks.get() + 1);
        let said = self.says.borrow().clone();
        Box::pin(async move { of.iter().map(|_| said.clone()).collect() })
    }

    fn changes(&self, _: Watched, changed: Rc<Notify>) -> LocalBoxFuture<'static, ()> {
        self.changed.replace(Some(changed));
        Box::pin(std::future::pending())
    }
}

/// Renews logins in the test's own process.
struct Here;

impl Renews for Here {
    fn renew(&self, asked: Asked) -> LocalBoxFuture<'static, Outcome> {
        Box::pin(async move { renew(&asked).await })
    }
}

/// Takes checkpoints, each with two waits: for its moment, and for the rest.
pub(super) struct Hand {
    pub(super) seen: RefCell<Vec<(SessionId, Moment)>>,
    /// How many are being taken, and how many were at once at most.
    pub(super) now: Cell<usize>,
    pub(super) most: Cell<usize>,
    pub(super) done: Cell<usize>,
    /// Each moment is over when this is notified, and whole when it is again; not waited for where there is none.
    pub(super) gate: RefCell<Option<Rc<Notify>>>,
    pub(super) rewinds: RefCell<Vec<Reference>>,
    /// A rewind ends when this is notified.
    pub(super) rewound: Notify,
}

impl Duty for Rc<Hand> {
    fn take(&self, of: Of, at: Moment, over: Over, stop: CancellationToken) -> LocalBoxFuture<'static, Result<Taken>> {
        let hand = Rc::clone(self);
        Box::pin(async move {
            hand.seen.borrow_mut().push((of.watched.session, at));
            hand.now.set(hand.now.get() + 1);
            hand.most.set(hand.most.get().max(hand.now.get()));
            let gate = hand.gate.borrow().clone();
            let wait = async {
                if let Some(gate) = &gate {
                    gate.notified().await;
                }
            };
            wait.await;
            drop(over);
            tokio::select! {
                () = async { if let Some(gate) = &gate { gate.notified().await } } => hand.done.set(hand.done.get() + 1),
                () = stop.cancelled() => {}
            }
            hand.now.set(hand.now.get() - 1);
            Ok(Taken::New(CheckpointId::from_random(0x0000_0000_0100_0000)))
        })
    }

    fn log(&self, _: Of) -> LocalBoxFuture<'static, Result<Value>> {
        Box::pin(async { Ok(json!([{ "id": "0000000001" }])) })
    }

    fn rewind(
        &self,
        _: Of,
        to: Reference,
        begun: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> LocalBoxFuture<'static, Result<Value>> {
        if to == Reference::Back(9) {
            return Box::pin(async { Err(Error::NoRewind) });
        }
        let hand = Rc::clone(self);
        hand.rewinds.borrow_mut().push(to);
        Box::pin(async move {
            let _ = begun.send(());
            tokio::select! {
                () = hand.rewound.notified() => Ok(json!({})),
                () = stop.cancelled() => Err(Error::Interrupted),
            }
        })
    }
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sky =
            Sky { says: RefCell::new(Presence::Runs("c".into())), looks: Cell::new(0), changed: RefCell::default() };
        let hand = Hand {
            seen: RefCell::default(),
            now: Cell::new(0),
            most: Cell::new(0),
            done: Cell::new(0),
            gate: RefCell::default(),
            rewinds: RefCell::default(),
            rewound: Notify::new(),
        };
        Self {
            place: Place::of(&dir.path().join(".cci")),
            sky: Rc::new(sky),
            hand: Rc::new(hand),
            stop: CancellationToken::new(),
            version: "0.1.0-5-gabc",
            dir,
        }
    }

    /// The same place, as another supervisor's world.
    pub(super) fn with_version(&self, version: &'static str) -> Self {
        Self { place: self.place.clone(), version, ..Self::new() }
    }

    /// A session, as its launch notes it.
    pub(super) fn session(&self, number: u8) -> SessionId {
        self.session_with(number, CheckpointSettings::default())
    }

    pub(super) fn session_with(&self, number: u8, checkpoints: CheckpointSettings) -> SessionId {
        self.noted(number, checkpoints, |_| {})
    }

    /// A session that is let in by its agent's API.
    pub(super) fn session_let_in(&self, number: u8, login: LoginNote) -> SessionId {
        fs::create_dir_all(self.dir.path().join("sessions").join(number.to_string())).unwrap();
        self.noted(number, CheckpointSettings::default(), |watched| watched.login = Some(login))
    }

    /// A session whose requests may carry secrets.
    pub(super) fn session_with_secrets(&self, number: u8, secrets: SecretsNote) -> SessionId {
        self.noted(number, CheckpointSettings::default(), |watched| watched.secrets = Some(secrets))
    }

    /// A session whose connections are judged by name.
    pub(super) fn session_with_egress(&self, number: u8, egress: EgressNote) -> SessionId {
        self.noted(number, CheckpointSettings::default(), |watched| watched.egress = Some(egress))
    }

    /// The directory of a session.
    pub(super) fn session_dir(&self, number: u8) -> PathBuf {
        self.dir.path().join("sessions").join(number.to_string())
    }

    fn noted(&self, number: u8, checkpoints: CheckpointSettings, with: impl FnOnce(&mut Watched)) -> SessionId {
        let session = SessionId::from_random([number; 16]);
        let ids = Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
        let _hold = self.place.sessions().hold().unwrap();
        self.place.sessions().make_sockets(session, ids).unwrap();
        let mut watched = Watched {
            session,
            launch: None,
            sockets: true,
            workspace: "/w".into(),
            tool: cci_agent::default_agent().name().into(),
            profile: None,
            endpoint: "/nonexistent".into(),
            project: "default".into(),
            prefix: "cci-".into(),
            state: self.session_dir(number).join("state"),
            machine: MachineNote::default(),
            sessions_dir: None,
            owner: Owner { uid: ids.uid, gid: ids.gid },
            login: None,
            secrets: None,
            ssh: None,
            egress: None,
            checkpoints,
        };
        with(&mut watched);
        self.place.sessions().watch(&watched).unwrap();
        session
    }

    pub(super) fn socket(&self, session: SessionId) -> PathBuf {
        self.place.sessions().sockets(session).join("agent.sock")
    }

    /// Runs a supervisor next to a test, which then stops it; returns why it ended.
    pub(super) async fn while_it_runs(&self, test: impl Future<Output = ()>) -> Option<Ended> {
        let (ended, ()) = tokio::join!(self.run(|| {}), async {
            self.listens().await;
            test.await;
            self.stop.cancel();
        });
        ended
    }

    /// Runs a supervisor to its end; `None` where another stays the one.
    pub(super) async fn run(&self, ready: impl FnOnce()) -> Option<Ended> {
        let build = Build { version: self.version.into(), written: 1 };
        let (lookout, duty) = (Rc::clone(&self.sky) as Rc<dyn Lookout>, Rc::new(Rc::clone(&self.hand)));
        match run::with(&self.place, &build, lookout, (duty, Rc::new(Here)), self.stop.clone(), ready).await.unwrap() {
            run::Outcome::Another => None,
            run::Outcome::Ended(why) => Some(why),
        }
    }

    /// Waits until commands are answered.
    pub(super) async fn listens(&self) {
        until("somebody listens", async || self.place.socket().exists()).await;
    }
}

/// Waits for something that a test cannot be notified of.
pub(super) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{what}: never"));
}

/// Sends bytes and reads the whole answer.
pub(super) async fn raw(socket: &std::path::Path, bytes: &[u8]) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    // it may be refused before it has been read
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A request, and the status and document of its answer.
pub(super) async fn request(socket: &std::path::Path, line: &str, body: &str) -> io::Result<(u16, Value)> {
    let head = format!("{line} HTTP/1.1\r\nhost: cci\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = raw(socket, format!("{head}{body}").as_bytes()).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
