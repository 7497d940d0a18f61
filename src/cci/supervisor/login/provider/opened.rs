//! A provider that a session's requests go to, and what lets them in.

use std::cell::Cell;
use std::rc::Rc;

use cci_agent::{OpenedBy, Pass, Provided, Provider, Refusal};
use cci_host::store::run_dir::LoginNote;
use cci_proxy::{AwsKeys, AwsRequest, AwsScope, sign};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use reqwest::{Client, Request, Url};
use tokio::sync::Mutex;

use super::aws::Aws;
use super::google::Google;
use crate::supervisor::login::answer::Refused;
use crate::supervisor::login::helper::Helper;
use crate::supervisor::login::pace::Seldom;
use crate::supervisor::login::show::{secret, show};

/// The service that a signature is for.
const SERVICE: &str = "bedrock";
/// What begins the headers by which providers are let in otherwise, or bill somebody else.
const OF_PROVIDERS: [&str; 2] = ["x-amz-", "x-goog-"];
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// The header that says which project is asked for a request.
const QUOTA: HeaderName = HeaderName::from_static("x-goog-user-project");

/// The provider of a session.
pub(in crate::supervisor::login) struct Opened {
    pub(in crate::supervisor::login) provider: Provider,
    by: By,
}

enum By {
    Aws(Aws, String),
    Google(Google),
    Bearer(String),
    Key(String),
    Command(String, Rc<Helper>),
    Nothing,
}

impl Opened {
    pub(in crate::supervisor::login) fn of(provided: &Provided, note: &LoginNote, http: Client) -> Self {
        let Provided { provider, opened_by, .. } = provided.clone();
        let by = match opened_by {
            OpenedBy::Bearer(token) => By::Bearer(token),
            OpenedBy::Key(key) => By::Key(key),
            OpenedBy::Command(command) => By::Command(command, Rc::default()),
            OpenedBy::Nothing => By::Nothing,
            OpenedBy::Login { variables, command } => match &provider {
                Provider::Bedrock { region } => {
                    By::Aws(Aws { variables, command, helper: Rc::default() }, region.clone())
                }
                Provider::Vertex { .. } => By::Google(Google {
                    variables,
                    renewed_at: note.renewed_at.clone(),
                    http,
                    helper: Rc::default(),
                    last: Mutex::new(None),
                    is_refused: Cell::new(false),
                    forgets: Seldom::default(),
                }),
                Provider::Gateway => By::Nothing,
            },
        };
        Self { provider, by }
    }

    /// Whether a request has to be there whole before it is let in.
    pub(in crate::supervisor::login) fn signs(&self) -> bool {
        matches!(self.by, By::Aws(..))
    }

    /// Adds what lets a request in.
    pub(in crate::supervisor::login) async fn let_in(&self, request: &mut Request, body: &[u8]) -> Result<(), Refused> {
        let no_login = |why: String| Refused::new(Refusal::NoLogin, why);
        match &self.by {
            By::Nothing => Ok(()),
            By::Bearer(token) => show(request.headers_mut(), token, Pass::Bearer),
            By::Key(key) => show(request.headers_mut(), key, Pass::Key),
            By::Command(command, helper) => {
                let key = helper.key(command).await.map_err(no_login)?;
                show(request.headers_mut(), &key, Pass::Both)
            }
            By::Google(google) => {
                let token = google.token().await.map_err(no_login)?;
                if let Some(quota) = &token.quota {
                    request.headers_mut().insert(QUOTA, secret(quota)?);
                }
                show(request.headers_mut(), &token.access, Pass::Bearer)
            }
            By::Aws(aws, region) => {
                let keys = aws.keys().await.map_err(no_login)?;
                let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
                signed(request, body, &keys, AwsScope { region, service: SERVICE, time: &time })
            }
        }
    }

    /// The provider has refused a request: what let it in is asked for again.
    pub(in crate::supervisor::login) fn refused(&self) {
        match &self.by {
            By::Aws(aws, _) => aws.forget(),
            By::Google(google) => google.forget(),
            By::Command(_, helper) => helper.forget(),
            By::Bearer(_) | By::Key(_) | By::Nothing => {}
        }
    }
}

/// Takes away what a guest has put where only this adds something.
pub(in crate::supervisor::login) fn cleared(headers: &mut HeaderMap) {
    let is_ours = |name: &&HeaderName| OF_PROVIDERS.iter().any(|begin| name.as_str().starts_with(begin));
    let ours: Vec<HeaderName> = headers.keys().filter(is_ours).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

fn signed(request: &mut Request, body: &[u8], keys: &AwsKeys, scope: AwsScope<'_>) -> Result<(), Refused> {
    let malformed = || Refused::new(Refusal::Malformed, "the request cannot be signed");
    let host = host(request.url()).ok_or_else(malformed)?;
    let headers = request.headers_mut();
    headers.insert(DATE, secret(scope.time)?);
    headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| malformed())?);
    if let Some(token) = &keys.token {
        headers.insert(TOKEN, secret(token)?);
    }
    let covered = [HOST, CONTENT_TYPE, DATE, TOKEN];
    let text = |name: &HeaderName| -> Option<Result<(String, String), Refused>> {
        let value = request.headers().get(name)?.to_str();
        Some(value.map(|value| (name.to_string(), value.to_owned())).map_err(|_| malformed()))
    };
    let covered = covered.iter().filter_map(text).collect::<Result<Vec<_>, _>>()?;
    let covered: Vec<(&str, &str)> = covered.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, path) = (request.method().as_str(), request.url().path());
    let authorization = sign(&AwsRequest { method, path, headers: &covered, body }, keys, scope);
    request.headers_mut().insert(AUTHORIZATION, secret(&authorization)?);
    Ok(())
}

/// The host as the request names it.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}
