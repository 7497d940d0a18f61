//! One login on the host: read for each request, and renewed under the agent's own locks before it ends.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cci_agent::Refusal;
use cci_core::account::AccountName;
use cci_engine::blocking::blocking;
use cci_host::login::{Found, Held, Lock, LoginFile, Renewal, SHOWN, now};
use http_body_util::{BodyExt, Limited};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::answer::Refused;
use super::helper::Helper;
use crate::supervisor::log::Log;

/// How often somebody else's lock is tried, and how soon again.
const TRIES: u32 = 5;
const AGAIN: Duration = Duration::from_millis(1_500);
/// How long a request waits for a renewal.
const RENEWS: Duration = Duration::from_secs(30);
/// How long the answer to a token that was spent is waited for: nobody else has its successor.
const ANSWERS: Duration = Duration::from_secs(300);
/// How soon the API's refusal has a login renewed again: a session may provoke refusals.
const FORCED: Duration = Duration::from_secs(300);
/// How long a request waits for a renewal while the token still opens.
const WAITS: Duration = Duration::from_secs(3);
/// How soon a renewal that failed is tried again.
const REST: Duration = Duration::from_secs(10);
/// How large the answer may be.
const LARGEST: usize = 64 * 1024;

/// A login, shared by all sessions that use it.
pub(super) struct Account {
    file: LoginFile,
    /// The agent's name, for messages.
    title: &'static str,
    /// Which account it is; none is the agent's own login.
    name: Option<AccountName>,
    renewed_at: String,
    cci_dir: PathBuf,
    http: Client,
    log: Rc<Log>,
    work: TaskTracker,
    /// What prints its key, where it is not in the file.
    helper: Helper,
    /// One renewal at a time.
    turn: Mutex<()>,
    failed: RefCell<Option<Failed>>,
    /// When it was renewed last because the API had refused it.
    forced: Cell<Option<Instant>>,
}

/// A renewal that failed: what was posted is not posted again where the server has refused it.
struct Failed {
    refresh: String,
    is_refused: bool,
    at: Instant,
}

/// What an account is made of.
pub(super) struct Parts {
    pub(super) file: LoginFile,
    pub(super) title: &'static str,
    pub(super) name: Option<AccountName>,
    pub(super) renewed_at: String,
    pub(super) cci_dir: PathBuf,
    pub(super) http: Client,
    pub(super) log: Rc<Log>,
    pub(super) work: TaskTracker,
}

impl Account {
    pub(super) fn new(parts: Parts) -> Rc<Self> {
        let Parts { file, title, name, renewed_at, cci_dir, http, log, work } = parts;
        let (turn, failed, forced) = (Mutex::new(()), RefCell::new(None), Cell::new(None));
        let helper = Helper::default();
        Rc::new(Self { file, title, name, renewed_at, cci_dir, http, log, work, helper, turn, failed, forced })
    }

    /// What lets requests in now.
    pub(super) async fn held(self: &Rc<Self>) -> Result<Held, Refused> {
        let held = self.read().await?;
        if held.due().is_none_or(|due| now() < due) {
            return Ok(held);
        }
        self.renewed_within(&held, is_open(&held).then_some(WAITS)).await;
        let held = self.read().await?;
        if is_open(&held) { Ok(held) } else { Err(self.no_login("the login on the host has ended")) }
    }

    /// The API has refused what it was let in with: renews it, unless somebody has already.
    pub(super) async fn refused(self: &Rc<Self>, held: &Held) {
        if held.credentials.helper.is_some() {
            return self.helper.forget();
        }
        if self.forced.get().is_some_and(|at| at.elapsed() < FORCED) {
            return;
        }
        self.forced.set(Some(Instant::now()));
        self.renewed_within(held, None).await;
    }

    async fn read(&self) -> Result<Held, Refused> {
        let file = self.file.clone();
        match blocking(move || Ok(file.read())).await {
            Ok(Found::Login(held)) => self.with_key(*held).await,
            Ok(Found::Absent) => Err(self.no_login("there is no login on the host")),
            Ok(Found::Ended) => Err(self.no_login("the login on the host has ended")),
            Ok(Found::Other(what)) => Err(self.no_login(&format!("the login on the host cannot be used: {what}"))),
            Err(error) => Err(self.no_login(&error.to_string())),
        }
    }

    /// The login with what its command prints. Only an account of cci's has one: no other file is as safe from others.
    async fn with_key(&self, mut held: Held) -> Result<Held, Refused> {
        if let Some(command) = &held.credentials.helper {
            if self.name.is_none() {
                return Err(self.no_login("the login on the host cannot be used: it is none of the agent's own"));
            }
            held.credentials.access = self.helper.key(command).await.map_err(|problem| self.no_login(&problem))?;
        }
        Ok(held)
    }

    fn no_login(&self, problem: &str) -> Refused {
        if let Some(name) = &self.name {
            let why = format!(
                "account {name}: {problem}: `cci login add {name} --force` on the host; this session goes on then"
            );
            return Refused::new(Refusal::NoLogin, why);
        }
        let why = format!("{problem}: log in with {} on the host; this session goes on with it then", self.title);
        Refused::new(Refusal::NoLogin, why)
    }

    /// Renews it in a task of its own: a token that is spent is lost if nobody is there for its successor.
    async fn renewed_within(self: &Rc<Self>, held: &Held, patience: Option<Duration>) {
        let (account, held) = (Rc::clone(self), held.clone());
        let renewing = self.work.spawn_local(async move { account.renew(&held).await });
        let _ = timeout(patience.unwrap_or(RENEWS * 2), renewing).await;
    }

    async fn renew(&self, held: &Held) {
        let _turn = self.turn.lock().await;
        // whoever had the turn before, or the agent on the host, may have renewed it
        let Ok(there) = self.read().await else { return };
        if there.credentials.access != held.credentials.access || self.rests(&there) {
            return;
        }
        match self.locked(&there).await {
            Ok(true) => self.log.say("the login was renewed"),
            Ok(false) => {}
            Err(Problem { what, is_refused }) => {
                self.log.say(format_args!("the login was not renewed: {what}"));
                let refresh = there.credentials.refresh;
                self.failed.replace(Some(Failed { refresh, is_refused, at: Instant::now() }));
            }
        }
    }

    fn rests(&self, there: &Held) -> bool {
        let failed = self.failed.borrow();
        there.credentials.refresh.is_empty()
            || failed.as_ref().is_some_and(|failed| {
                failed.refresh == there.credentials.refresh && (failed.is_refused || failed.at.elapsed() < REST)
            })
    }

    /// Takes the locks and renews it; false if somebody else has meanwhile.
    async fn locked(&self, before: &Held) -> Result<bool, Problem> {
        for _ in 0..TRIES {
            let file = self.file.clone();
            let lock = blocking(move || file.try_lock().map_err(failed_at("lock", &file))).await?;
            let there = self.read().await.map_err(|refused| Problem::new(refused.why))?;
            if there.credentials.access != before.credentials.access {
                return Ok(false);
            }
            if let Some(lock) = lock {
                return self.under(&lock, &there).await;
            }
            sleep(AGAIN).await;
        }
        Err(Problem::new("another process has locked it"))
    }

    async fn under(&self, lock: &Lock, there: &Held) -> Result<bool, Problem> {
        let file = self.file.clone();
        let ready = blocking(move || file.prepare().map_err(failed_at("write", &file))).await?;
        let exchanged = async {
            let answer = timeout(ANSWERS, self.exchange(there)).await;
            answer.map_err(|_| Problem::new("the server does not answer"))?
        };
        // a lock that was lost meanwhile changes nothing: what is there decides who has renewed it
        let answer = tokio::select! {
            answer = exchanged => answer?,
            never = show(lock) => match never {},
        };
        let at = now();
        if self.file.login().renewed(&there.content, &answer, at).is_none() {
            return Err(Problem::new("the server's answer is not understood"));
        }
        let (file, spent, cci_dir) = (self.file.clone(), there.credentials.refresh.clone(), self.cci_dir.clone());
        let is_put = blocking(move || {
            let renewed = |there: &Value| file.login().renewed(there, &answer, at);
            let put = file.replace(ready, &spent, renewed).map_err(failed_at("write", &file))?;
            if let Some(credentials) = put.as_ref().and_then(|content| file.login().read(content)) {
                // it only tells who has renewed it
                let _ = Renewal::note(&cci_dir, &file, &credentials.access, at);
            }
            Ok(put.is_some())
        });
        Ok(is_put.await?)
    }

    async fn exchange(&self, there: &Held) -> Result<Value, Problem> {
        let asked = self.file.login().renewal(&there.content, &there.credentials).to_string();
        let request = self.http.post(&self.renewed_at).header("content-type", "application/json").body(asked);
        // the address may hold a secret, the error behind it none
        let answer: Response = request.send().await.map_err(|error| Problem::new(error.without_url()))?;
        let status = answer.status();
        let body = reqwest::Body::from(answer);
        let bytes = Limited::new(body, LARGEST).collect().await.map_err(Problem::new)?.to_bytes();
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(said);
        }
        // anything else says nothing about the login
        let is_refused = status == StatusCode::BAD_REQUEST && said["error"] == "invalid_grant";
        let what = if is_refused { "it has ended".to_owned() } else { format!("the server says {status}") };
        Err(Problem { what, is_refused })
    }
}

fn is_open(held: &Held) -> bool {
    held.credentials.expires.is_none_or(|expires| now() < expires)
}

/// Shows a lock as long as it is held.
async fn show(lock: &Lock) -> Infallible {
    let mut ticks = interval(SHOWN);
    while lock.show() {
        ticks.tick().await;
    }
    pending().await
}

/// Why a login was not renewed.
struct Problem {
    what: String,
    is_refused: bool,
}

impl Problem {
    fn new(what: impl Display) -> Self {
        Self { what: what.to_string(), is_refused: false }
    }
}

impl From<cci_core::Error> for Problem {
    fn from(error: cci_core::Error) -> Self {
        Self::new(error)
    }
}

fn failed_at(step: &'static str, file: &LoginFile) -> impl FnOnce(std::io::Error) -> cci_core::Error {
    let path = file.path();
    move |source| cci_core::Error::Host { step, path, source }
}
