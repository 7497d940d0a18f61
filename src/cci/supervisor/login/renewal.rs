//! One renewal of a login, under the agent's own locks. What the server answers has no copy anywhere until it is kept, so
//! this runs where nothing ends it.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use cci_agent::{Login, agent};
use cci_core::account::AccountName;
use cci_engine::blocking::blocking;
use cci_host::login::{Accounts, Found, Held, Lock, LoginFile, Renewal, SHOWN, now};
use http_body_util::{BodyExt, Limited};
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{interval, sleep, timeout};

use super::client::client;

/// How often somebody else's lock is tried, and how soon again: until nobody can hold it any more who has died.
const TRIES: u32 = 50;
const AGAIN: Duration = Duration::from_millis(1_500);
/// How long the answer to a token that was spent is waited for: nobody else has its successor.
const ANSWERS: Duration = Duration::from_secs(300);
/// How large the answer may be.
const LARGEST: usize = 64 * 1024;

/// What is to be renewed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The agent.
    pub(super) tool: String,
    /// Which account it is; none is the agent's own login.
    pub(super) account: Option<AccountName>,
    /// The directory of the agent's own login.
    pub(super) directory: PathBuf,
    /// Where it is renewed; the address may hold a secret.
    pub(super) renewed_at: String,
    /// The access token that is to be replaced; another one there is newer.
    pub(super) access: String,
    /// Where cci has its accounts, and notes what came of it.
    pub(super) cci_dir: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is renewed.
    Renewed,
    /// Somebody else has renewed it.
    ByOthers,
    /// The server says that the login has ended.
    Refused,
    /// It is as it was, for this reason.
    Failed(String),
}

/// Takes the locks and renews it.
pub(crate) async fn renew(asked: &Asked) -> Outcome {
    match locked(asked).await {
        Ok(true) => Outcome::Renewed,
        Ok(false) => Outcome::ByOthers,
        Err(Problem::Refused) => Outcome::Refused,
        Err(Problem::Other(what)) => Outcome::Failed(what),
    }
}

async fn locked(asked: &Asked) -> Result<bool, Problem> {
    let accounts = Accounts::of(&asked.cci_dir, agent(&asked.tool));
    let accounts = accounts.ok_or_else(|| Problem::of("the agent has no login"))?;
    let file = accounts.of_a_session(asked.account.as_ref(), &asked.directory);
    for _ in 0..TRIES {
        let both = file.clone();
        let (lock, found) = blocking(move || {
            let lock = both.try_lock().map_err(failed_at("lock", &both))?;
            Ok((lock, both.read()))
        })
        .await?;
        let Found::Login(there) = found else { return Err(Problem::of("there is no login any more")) };
        if there.credentials.access != asked.access {
            return Ok(false);
        }
        if let Some(lock) = lock {
            return under(&lock, file, *there, asked).await;
        }
        sleep(AGAIN).await;
    }
    Err(Problem::of("another process has locked it"))
}

async fn under(lock: &Lock, file: LoginFile, there: Held, asked: &Asked) -> Result<bool, Problem> {
    let (place, held, cci_dir) = (file.clone(), there.clone(), asked.cci_dir.clone());
    let ready = blocking(move || {
        if Renewal::is_refused(&cci_dir, &place, &held) {
            return Ok(None);
        }
        place.prepare().map(Some).map_err(failed_at("write", &place))
    });
    let Some(ready) = ready.await? else { return Err(Problem::Refused) };
    let exchanged = async {
        let answer = timeout(ANSWERS, exchange(file.login(), &there, &asked.renewed_at)).await;
        answer.map_err(|_| Problem::of("the server does not answer"))?
    };
    // a lock that was lost meanwhile changes nothing: what is there decides who has renewed it
    let answer = tokio::select! {
        answer = exchanged => answer,
        never = show(lock) => match never {},
    };
    if matches!(answer, Err(Problem::Refused)) {
        let (file, cci_dir) = (file.clone(), asked.cci_dir.clone());
        // where it cannot be noted, this supervisor alone remembers it
        let _ = blocking(move || Renewal::note_refusal(&cci_dir, &file, &there.credentials.refresh)).await;
        return Err(Problem::Refused);
    }
    let answer = answer?;
    let at = now();
    if file.login().renewed(&there.content, &answer, at).is_none() {
        return Err(Problem::of("the server's answer is not understood"));
    }
    let cci_dir = asked.cci_dir.clone();
    let is_put = blocking(move || {
        let renewed = |there: &Value| file.login().renewed(there, &answer, at);
        let put = file.replace(ready, &there, renewed).map_err(failed_at("write", &file))?;
        if let Some(credentials) = put.as_ref().and_then(|content| file.login().read(content)) {
            // it only tells who has renewed it
            let _ = Renewal::note(&cci_dir, &file, &credentials.access, at);
        }
        Ok(put.is_some())
    });
    Ok(is_put.await?)
}

async fn exchange(login: &dyn Login, there: &Held, renewed_at: &str) -> Result<Value, Problem> {
    let asked = login.renewal(&there.content, &there.credentials).to_string();
    let http = client().map_err(Problem::of)?;
    let request = http.post(renewed_at).header("content-type", "application/json").body(asked);
    let answer: Response = request.send().await.map_err(|error| Problem::of(error.without_url()))?;
    let status = answer.status();
    let body = reqwest::Body::from(answer);
    let bytes = Limited::new(body, LARGEST).collect().await.map_err(Problem::of)?.to_bytes();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(said);
    }
    // anything else says nothing about the login
    if status == StatusCode::BAD_REQUEST && said["error"] == "invalid_grant" {
        return Err(Problem::Refused);
    }
    Err(Problem::of(format_args!("the server says {status}")))
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
enum Problem {
    Refused,
    Other(String),
}

impl Problem {
    fn of(what: impl Display) -> Self {
        Self::Other(what.to_string())
    }
}

impl From<cci_core::Error> for Problem {
    fn from(error: cci_core::Error) -> Self {
        Self::of(error)
    }
}

fn failed_at(step: &'static str, file: &LoginFile) -> impl FnOnce(std::io::Error) -> cci_core::Error {
    let path = file.path();
    move |source| cci_core::Error::Host { step, path, source }
}
