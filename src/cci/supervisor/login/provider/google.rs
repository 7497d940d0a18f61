//! The access token of Google's that the host has: from its application default credentials, or from `gcloud`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cci_engine::blocking::blocking;
use cci_host::login::now;
use http_body_util::{BodyExt, Limited};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::service_account::statement;
use crate::supervisor::login::command::Run;
use crate::supervisor::login::helper::{Helper, Wanted, is_key};
use crate::supervisor::login::pace::Seldom;

/// No credentials and no answer are longer.
const LARGEST: usize = 64 * 1024;
/// How long the answer is waited for.
const ANSWERS: Duration = Duration::from_secs(30);
/// How long before its end a token is replaced, at most.
const EARLY: Duration = Duration::from_secs(300);
/// How soon what failed is tried again.
const REST: Duration = Duration::from_secs(10);
/// What `gcloud` is to print.
const TOKEN: Wanted = Wanted { what: "access token of Google's", is_it: is_key };
/// What a service account states.
const STATES: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What helps where there are none.
const WAY_OUT: &str = "`gcloud auth application-default login` on the host";

/// A token, and the project that is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) access: String,
    /// The project whose quota counts, if the credentials name one.
    pub(super) quota: Option<String>,
}

/// Where it is from.
pub(super) struct Google {
    /// The variables of the person.
    pub(super) variables: BTreeMap<String, String>,
    /// Where a person's login is renewed.
    pub(super) renewed_at: String,
    pub(super) http: Client,
    pub(super) helper: Rc<Helper>,
    /// The last one, or why there is none.
    pub(super) last: Mutex<Option<(Result<Token, String>, Instant)>>,
    /// Whether the API has refused it.
    pub(super) is_refused: Cell<bool>,
    pub(super) forgets: Seldom,
}

impl Google {
    /// What requests carry now.
    pub(super) async fn token(&self) -> Result<Token, String> {
        let mut last = self.last.lock().await;
        let is_refused = self.is_refused.replace(false);
        if let Some((token, until)) = last.as_ref()
            && Instant::now() < *until
            && !(is_refused && token.is_ok())
        {
            return token.clone();
        }
        let (token, lasts) = match self.new_token().await {
            Ok((token, lasts)) => (Ok(token), lasts.saturating_sub(EARLY.min(lasts / 4))),
            Err(why) => (Err(why), REST),
        };
        *last = Some((token.clone(), Instant::now() + lasts));
        token
    }

    /// The API has refused it.
    pub(super) fn forget(&self) {
        if self.forgets.may_be() {
            self.is_refused.set(true);
        }
        self.helper.forget();
    }

    async fn new_token(&self) -> Result<(Token, Duration), String> {
        let path = self.path();
        let read = path.clone();
        let found = blocking(move || Ok(credentials(&read))).await.map_err(|error| error.to_string())?;
        let Some(found) = found else {
            if self.variables.contains_key("GOOGLE_APPLICATION_CREDENTIALS") {
                return Err(format!("{} has no credentials of Google's", path.display()));
            }
            return self.of_gcloud(&["auth", "print-access-token"]).await;
        };
        let of = |key: &str| found[key].as_str().unwrap_or_default();
        let (url, form) = match of("type") {
            "authorized_user" => (
                self.renewed_at.as_str(),
                vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", of("client_id").to_owned()),
                    ("client_secret", of("client_secret").to_owned()),
                    ("refresh_token", of("refresh_token").to_owned()),
                ],
            ),
            "service_account" => {
                let url = of("token_uri");
                let said = statement(&found, url, now() / 1000);
                let said = said.ok_or_else(|| format!("{} is not the key of a service account", path.display()))?;
                (url, vec![("grant_type", STATES.to_owned()), ("assertion", said)])
            }
            // what is federated or borrowed has more forms than cci knows
            _ => return self.of_gcloud(&["auth", "application-default", "print-access-token"]).await,
        };
        let answer = timeout(ANSWERS, self.exchanged(url, &form)).await;
        let answer = answer.unwrap_or_else(|_| Err("Google does not answer".into()))?;
        let access = answer["access_token"].as_str().filter(|text| is_key(text));
        let access = access.ok_or("the answer of Google is not understood")?.to_owned();
        let quota = found["quota_project_id"].as_str().map(str::to_owned);
        Ok((Token { access, quota }, Duration::from_secs(answer["expires_in"].as_u64().unwrap_or(600))))
    }

    /// Where the application default credentials are.
    fn path(&self) -> PathBuf {
        let said = |name: &str| self.variables.get(name).map(PathBuf::from);
        said("GOOGLE_APPLICATION_CREDENTIALS").unwrap_or_else(|| {
            let home = said("HOME").unwrap_or_default();
            let gcloud = said("CLOUDSDK_CONFIG").unwrap_or_else(|| home.join(".config/gcloud"));
            gcloud.join("application_default_credentials.json")
        })
    }

    async fn of_gcloud(&self, words: &[&str]) -> Result<(Token, Duration), String> {
        let words = ["gcloud"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        let run = Run { words, environment: self.variables.clone() };
        let printed = self.helper.printed(&run, TOKEN).await;
        let access = printed.map_err(|problem| format!("{problem}: use {WAY_OUT}"))?;
        // the command is run as often as what it printed counts
        Ok((Token { access, quota: None }, Duration::ZERO))
    }

    async fn exchanged(&self, url: &str, form: &[(&str, String)]) -> Result<Value, String> {
        let encoded = Url::parse_with_params("http://form", form).map_err(|error| error.to_string())?;
        let body = encoded.query().unwrap_or_default().to_owned();
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.map_err(|_| "Google cannot be reached from the host")?;
        let status = answer.status();
        let body = Limited::new(reqwest::Body::from(answer), LARGEST).collect().await;
        let bytes = body.map_err(|_| "the connection to Google broke")?.to_bytes();
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(said);
        }
        if status == StatusCode::BAD_REQUEST && said["error"] == "invalid_grant" {
            return Err(format!("the login of Google's on the host has ended: use {WAY_OUT}"));
        }
        Err(format!("Google says {status}"))
    }
}

fn credentials(path: &Path) -> Option<Value> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(LARGEST as u64).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
