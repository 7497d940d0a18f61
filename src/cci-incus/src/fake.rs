//! A daemon in memory, behind a real unix socket: only the wire is faked, and everything above it is tested unchanged.
//!
//! It knows instances, their snapshots and copies, operations, profiles, networks and their ACLs, images and their aliases, projects, storage pools
//! and volumes, commands with a scripted answer, and events. It counts requests, and refuses, delays, fails or loses
//! those that a test names.
//!
//! ```
//! use cci_incus::{NewInstance, Refusal, Source, fake};
//!
//! # fn main() -> cci_incus::Result<()> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| unreachable!())?;
//! # runtime.block_on(async {
//! let daemon = fake::Daemon::start();
//! daemon.add_image("base");
//! daemon.on("POST /1.0/instances").fail(400, r#"Instance is busy running a "create" operation"#);
//!
//! let client = daemon.client();
//! let mut new = NewInstance::new("c1", Source::alias("base"));
//! new.start = true;
//! let refused = client.create_instance(&new).await?.wait("the create", fake::PATIENCE).await.unwrap_err();
//! assert_eq!(refused.refusal(), Refusal::Busy);
//! assert_eq!(daemon.count("POST /1.0/instances"), 1);
//! assert!(daemon.get("/1.0/instances/c1").is_some(), "what does not start was created all the same");
//! # Ok(())
//! # })
//! # }
//! ```

mod call;
mod copy;
mod exec;
mod fault;
mod instance;
mod objects;
mod operation;
mod routes;
mod script;
mod server;
mod state;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use cci_incus_types::OperationKind;
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub use fault::Fault;
use fault::Pattern;
pub use script::Answer;
use state::State;

use crate::client::Client;

/// A deadline that only a hanging test reaches.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon; it stops when it is dropped.
///
/// It runs on a thread of its own, so that a test may be sync or async, and may pause its clock.
#[derive(Debug)]
pub struct Daemon {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

impl Daemon {
    /// Starts one that is set up: with a storage pool, a bridge and the default profile that has both.
    ///
    /// # Panics
    /// If the machine has no directory, socket or thread for it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that has no daemon has failed")]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let socket = directory.path().join("unix.socket");
        let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let state = Arc::new(Mutex::new(State::set_up()));
        let (stop, stopped) = oneshot::channel();
        let served = state.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || runtime.block_on(server::serve(listener, served, stopped)));
        Self { socket, state, stop: Some(stop), thread: Some(thread), _directory: directory }
    }

    /// A client of it, in the project `default`.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::unix(&self.socket)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Chooses a call that is to go wrong: `PUT /1.0/instances/*/state`, where `*` is any one segment.
    pub fn on(&self, call: &str) -> Rule<'_> {
        Rule { daemon: self, pattern: Pattern::new(call), nth: 1 }
    }

    /// How many requests of this form there were: `GET /1.0/instances/*`.
    #[must_use]
    pub fn count(&self, call: &str) -> usize {
        let pattern = Pattern::new(call);
        self.state().requests.iter().filter(|seen| pattern.matches(seen)).count()
    }

    /// All requests in their order, as method and path: `GET /1.0/instances/c1`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.state().requests.clear();
    }

    /// The current object: `/1.0/instances/c1`, with `?project=p` in another project.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// Stores an object, without the API's checks.
    pub fn put(&self, path: &str, object: Value) {
        self.state().set(path, Some(object));
    }

    /// Removes an object, without the API's checks.
    pub fn remove(&self, path: &str) {
        self.state().set(path, None);
    }

    /// Starts an operation of somebody else on an instance; it ends when it is waited for, and does nothing.
    pub fn begin(&self, kind: OperationKind, instance: &str) {
        self.state().begin(kind, instance);
    }

    /// Adds an image with this alias; returns its fingerprint.
    #[expect(clippy::must_use_candidate, reason = "most tests name an image by its alias")]
    pub fn add_image(&self, alias: &str) -> String {
        self.state().add_image(&json!({"aliases": [{"name": alias}]}))
    }

    /// Sets the log file of an instance that says why it did not start.
    pub fn set_log(&self, instance: &str, file: &str, content: &str) {
        self.state().logs.insert(format!("{instance}/{file}"), content.to_owned());
    }

    /// Answers commands whose argv contains this word; without an answer a command prints nothing and succeeds.
    pub fn answer(&self, word: &str, answer: Answer) {
        self.state().answers.insert(0, (word.to_owned(), answer));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // a daemon that panicked has failed its test already
            let _ = thread.join();
        }
    }
}

/// A call that something is to happen to, the next time it is made.
#[derive(Debug)]
#[must_use = "nothing goes wrong until it is said what"]
pub struct Rule<'a> {
    daemon: &'a Daemon,
    pattern: Pattern,
    nth: usize,
}

impl Rule<'_> {
    /// Not the next call, but the `n`-th from now on, counted from 1.
    pub fn nth(self, n: usize) -> Self {
        Self { nth: n, ..self }
    }

    /// The call is refused and nothing done.
    pub fn refuse(self, code: u16, sentence: &str) {
        self.does(Fault::Refuse { code, sentence: sentence.to_owned() });
    }

    /// The call starts an operation, which fails: an instance that was to be created and started is created only.
    pub fn fail(self, code: u16, sentence: &str) {
        self.does(Fault::Fail { code, sentence: sentence.to_owned() });
    }

    /// The call is done at once and answered late.
    pub fn delay(self, by: Duration) {
        self.does(Fault::Delay(by));
    }

    /// The connection ends before the call is done.
    pub fn lose(self) {
        self.does(Fault::Lose);
    }

    /// The call is done, and the connection ends without an answer.
    pub fn cut(self) {
        self.does(Fault::Cut);
    }

    /// Before the call is done somebody else stores this object, or removes the existing one.
    pub fn meanwhile(self, path: &str, object: Option<Value>) {
        self.does(Fault::Meanwhile { path: path.to_owned(), object });
    }

    fn does(self, fault: Fault) {
        self.daemon.state().faults.add(self.pattern, self.nth, fault);
    }
}
