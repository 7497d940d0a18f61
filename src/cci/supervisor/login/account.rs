//! One login on the host: read for each request, and renewed under the agent's own locks before it ends.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cci_agent::{Agent, Refusal};
use cci_core::account::AccountName;
use cci_engine::blocking::blocking;
use cci_host::login::{Found, Held, LoginFile, now};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use super::answer::Refused;
use super::apart::Renews;
use super::helper::Helper;
use super::pace::Seldom;
use super::renewal::{Asked, Outcome};
use crate::supervisor::log::Log;

/// How long a request waits for a renewal, and for the lock of a holder that has died.
const RENEWS: Duration = Duration::from_secs(100);
/// How long a request waits for a renewal while the token still opens.
const WAITS: Duration = Duration::from_secs(3);
/// How many requests read it at once: each takes a thread for it.
const READERS: usize = 4;
/// How soon a renewal that failed is tried again.
const REST: Duration = Duration::from_secs(10);

/// A login, shared by all sessions that use it.
pub(super) struct Account {
    file: LoginFile,
    agent: &'static dyn Agent,
    /// Which account it is; none is the agent's own login.
    name: Option<AccountName>,
    renewed_at: String,
    cci_dir: PathBuf,
    renews: Rc<dyn Renews>,
    log: Rc<Log>,
    /// What prints its key, where it is not in the file.
    helper: Rc<Helper>,
    readers: Semaphore,
    /// One renewal at a time.
    turn: Arc<Mutex<()>>,
    failed: RefCell<Option<Failed>>,
    /// That it is renewed because the API has refused it.
    forced: Seldom,
}

/// A renewal that failed: what was posted is not posted again where the server has refused it.
struct Failed {
    refresh: String,
    /// Why; `None` where the server has refused it.
    why: Option<String>,
    at: Instant,
}

/// What an account is made of.
pub(super) struct Parts {
    pub(super) file: LoginFile,
    pub(super) agent: &'static dyn Agent,
    pub(super) name: Option<AccountName>,
    pub(super) renewed_at: String,
    pub(super) cci_dir: PathBuf,
    pub(super) renews: Rc<dyn Renews>,
    pub(super) log: Rc<Log>,
}

impl Account {
    pub(super) fn new(parts: Parts) -> Rc<Self> {
        let Parts { file, agent, name, renewed_at, cci_dir, renews, log } = parts;
        let (turn, failed, forced) = (Arc::default(), RefCell::new(None), Seldom::default());
        Rc::new(Self {
            file,
            agent,
            name,
            renewed_at,
            cci_dir,
            renews,
            log,
            helper: Rc::default(),
            readers: Semaphore::new(READERS),
            turn,
            failed,
            forced,
        })
    }

    /// What lets requests in now.
    pub(super) async fn held(self: &Rc<Self>) -> Result<Held, Refused> {
        let held = self.read().await?;
        if held.due().is_none_or(|due| now() < due) {
            return Ok(held);
        }
        self.renewed_within(&held, is_open(&held).then_some(WAITS)).await;
        let held = self.read().await?;
        if is_open(&held) { Ok(held) } else { Err(self.not_renewed(&held)) }
    }

    /// The API has refused what it was let in with: renews it, unless somebody has already.
    pub(super) async fn refused(self: &Rc<Self>, held: &Held) {
        if !self.forced.may_be() {
            return;
        }
        if held.credentials.helper.is_some() {
            return self.helper.forget();
        }
        self.renewed_within(held, None).await;
    }

    async fn read(&self) -> Result<Held, Refused> {
        let file = self.file.clone();
        let reader = self.readers.acquire().await;
        let found = blocking(move || Ok(file.read())).await;
        drop(reader);
        match found {
            Ok(Found::Login(held)) => self.with_key(*held).await,
            Ok(Found::Absent) => Err(self.no_login("there is no login on the host")),
            Ok(Found::Ended(_)) => Err(self.no_login("the login on the host has ended")),
            Ok(Found::Other(what)) => Err(self.no_login(&format!("the login on the host cannot be used: {what}"))),
            Err(error) => Err(Refused::new(Refusal::Unreachable, error.to_string())),
        }
    }

    /// The login with what its command prints. Only an account of cci's has one: no other file is as safe from others.
    async fn with_key(&self, mut held: Held) -> Result<Held, Refused> {
        if let Some(command) = &held.credentials.helper {
            if self.name.is_none() {
                return Err(self.no_login("the login on the host cannot be used: it is none of the agent's own"));
            }
            let key = self.helper.key(command).await;
            held.credentials.access = key.map_err(|problem| {
                let name = self.name.as_ref().map(ToString::to_string).unwrap_or_default();
                Refused::new(Refusal::Unreachable, format!("account {name}: {problem}"))
            })?;
        }
        Ok(held)
    }

    fn no_login(&self, problem: &str) -> Refused {
        if let Some(name) = &self.name {
            let why = format!(
                "account {name}: {problem}: add it again with `cci login add {name} --force` on the host; this session goes on then"
            );
            return Refused::new(Refusal::NoLogin, why);
        }
        let why =
            format!("{problem}: log in with {} on the host; this session goes on with it then", self.agent.title());
        Refused::new(Refusal::NoLogin, why)
    }

    /// Renews it in a task of its own, which no request's end cuts short; there is one at a time, however many requests
    /// wait for it.
    async fn renewed_within(self: &Rc<Self>, held: &Held, patience: Option<Duration>) {
        let renewing = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let (account, held) = (Rc::clone(self), held.clone());
            let renewing = spawn_local(async move {
                account.renew(&held).await;
                drop(turn);
            });
            renewing.await
        };
        let _ = timeout(patience.unwrap_or(RENEWS), renewing).await;
    }

    async fn renew(&self, held: &Held) {
        // whoever had the turn before, or the agent on the host, may have renewed it
        let Ok(there) = self.read().await else { return };
        if there.credentials.access != held.credentials.access || self.rests(&there) {
            return;
        }
        let asked = Asked {
            tool: self.agent.name().to_owned(),
            account: self.name.clone(),
            directory: self.file.directory().to_owned(),
            renewed_at: self.renewed_at.clone(),
            access: there.credentials.access,
            cci_dir: self.cci_dir.clone(),
        };
        let why = match self.renews.renew(asked).await {
            Outcome::Renewed => return self.log.say("the login was renewed"),
            Outcome::ByOthers => return,
            Outcome::Refused => None,
            Outcome::Failed(what) => Some(what),
        };
        let what = why.as_deref().unwrap_or("it has ended");
        self.log.say(format_args!("the login was not renewed: {what}"));
        let refresh = there.credentials.refresh;
        self.failed.replace(Some(Failed { refresh, why, at: Instant::now() }));
    }

    fn rests(&self, there: &Held) -> bool {
        let failed = self.failed.borrow();
        there.credentials.refresh.is_empty()
            || failed.as_ref().is_some_and(|failed| {
                failed.refresh == there.credentials.refresh && (failed.why.is_none() || failed.at.elapsed() < REST)
            })
    }

    /// What a request hears whose token has ended: whether that is the login's end, or only the way to its renewal.
    fn not_renewed(&self, held: &Held) -> Refused {
        let refresh = &held.credentials.refresh;
        let failed = self.failed.borrow();
        let failed = failed.as_ref().filter(|failed| failed.refresh == *refresh);
        if refresh.is_empty() || failed.is_some_and(|failed| failed.why.is_none()) {
            return self.no_login("the login on the host has ended");
        }
        let what = failed.and_then(|failed| failed.why.as_deref()).unwrap_or("it takes too long");
        Refused::new(Refusal::Unreachable, format!("the login on the host cannot be renewed now: {what}"))
    }
}

fn is_open(held: &Held) -> bool {
    held.credentials.expires.is_none_or(|expires| now() < expires)
}
