//! Passes a session's requests on to its agent's API, and lets them in.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cci_agent::{Login, Refusal, Tokens};
use cci_engine::blocking::blocking;
use cci_host::login::{Accounts, Held};
use cci_host::store::run_dir::LoginNote;
use cci_host::store::usage::Usage;
use http_body_util::{BodyExt, Either};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use reqwest::Client;
use tokio::sync::OwnedSemaphorePermit;

use super::account::Account;
use super::answer::Refused;
use super::body::{Answered, Asked, Cut, Out};
use super::head::{Wants, judge, passed_back, passed_on};
use super::meter::{BYTES_OF_A_TOKEN, Meter};
use super::pace::Pace;
use super::provider::{Opened, cleared};
use super::reserve::{Reserve, Reserved};
use super::show::show;
use super::tally::Tally;

/// How soon what was refused because of requests under way is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// What lets a session's requests in.
pub(super) enum Entry {
    /// A login for the agent's own API.
    Account(Rc<Account>),
    /// What opens another provider's.
    Provider(Box<Opened>),
}

/// A request, as it is passed on.
struct Gathered {
    body: reqwest::Body,
    /// The same, where it was read whole.
    whole: Option<Bytes>,
    /// What holds its place in memory.
    _room: Option<OwnedSemaphorePermit>,
    reserved: Option<Reserved>,
}

/// The way from one session to its agent's API.
pub(super) struct Passage {
    pub(super) login: &'static dyn Login,
    pub(super) note: LoginNote,
    pub(super) entry: Entry,
    pub(super) http: Client,
    pub(super) tally: Arc<Tally>,
    pub(super) reserve: Rc<Reserve>,
    pub(super) pace: RefCell<Pace>,
}

impl Passage {
    /// Answers a request.
    pub(super) async fn respond(self: Rc<Self>, request: Request<Incoming>) -> Response<Out> {
        match self.pass(request).await {
            Ok(answer) => answer,
            Err(refused) => refused.answer(self.login),
        }
    }

    async fn pass(self: &Rc<Self>, request: Request<Incoming>) -> Result<Response<Out>, Refused> {
        let (parts, body) = request.into_parts();
        let wants = judge(&parts, self.login, self.provider().map(|opened| &opened.provider))?;
        self.allowed()?;
        let asked = Arc::new(AtomicU64::new(0));
        let Gathered { body, whole, _room, reserved } =
            self.gathered(&parts, Asked::new(body, Arc::clone(&asked))).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let malformed = || Refused::new(Refusal::Malformed, "the request cannot be passed on");
        let mut onward = Request::builder()
            .method(parts.method)
            .uri(format!("{}{target}", self.note.api.trim_end_matches('/')))
            .body(body)
            .map_err(|_| malformed())?;
        *onward.headers_mut() = passed_on(&parts.headers);
        let mut onward = reqwest::Request::try_from(onward).map_err(|_| malformed())?;
        let held = self.let_in(wants, &mut onward, &whole.unwrap_or_default()).await?;
        let meter = Meter::new(self.login, asked, self.counting(reserved));
        let answer = self.http.execute(onward).await.map_err(|error| unreachable(&error))?;
        // the agent hears of it, and its next request has what came of this
        match (&self.entry, answer.status()) {
            (Entry::Account(account), StatusCode::UNAUTHORIZED) => {
                if let Some(held) = &held {
                    account.refused(held).await;
                }
            }
            (Entry::Provider(opened), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => opened.refused(),
            _ => {}
        }
        Ok(passed(answer, meter))
    }

    fn provider(&self) -> Option<&Opened> {
        match &self.entry {
            Entry::Account(_) => None,
            Entry::Provider(opened) => Some(&**opened),
        }
    }

    /// Adds what lets a request in, and returns the login that it is.
    async fn let_in(&self, wants: Wants, onward: &mut reqwest::Request, body: &[u8]) -> Result<Option<Held>, Refused> {
        match (&self.entry, wants) {
            (Entry::Account(_), Wants::Nothing) => Ok(None),
            (Entry::Account(account), Wants::Login) => {
                let held = account.held().await?;
                self.is_for_this_api(&held)?;
                show(onward.headers_mut(), &held.credentials.access, held.credentials.pass)?;
                Ok(Some(held))
            }
            (Entry::Provider(opened), wants) => {
                cleared(onward.headers_mut());
                if wants == Wants::Login {
                    opened.let_in(onward, body).await?;
                }
                Ok(None)
            }
        }
    }

    /// Refuses an account that has been replaced by one for another API: what it holds is sent there and nowhere else.
    fn is_for_this_api(&self, held: &Held) -> Result<(), Refused> {
        let is_for = Accounts::api_of(held).unwrap_or(self.login.api().1);
        if self.note.account.is_none() || is_for == self.note.api {
            return Ok(());
        }
        Err(Refused::new(Refusal::NoLogin, "the account is for another API now: end this session and resume it"))
    }

    /// Refuses what is more than the person allows.
    fn allowed(&self) -> Result<(), Refused> {
        self.allowed_tokens()?;
        let most = self.note.max_requests_per_minute;
        self.pace.borrow_mut().take(most).map_err(|again| {
            let why = format!("more than the {most} requests a minute that `login.max_requests_per_minute` allows");
            Refused { again: Some(again), ..Refused::new(Refusal::TooSoon, why) }
        })
    }

    fn allowed_tokens(&self) -> Result<(), Refused> {
        let most = self.reserve.most;
        if most == 0 || self.tally.used().tokens() < most {
            return Ok(());
        }
        let why = format!("this session has used the {most} tokens that `login.max_tokens` allows it");
        Err(Refused::new(Refusal::Forbidden, why))
    }

    /// Reserves what a request may take where that is limited. For that, and to be signed, its body is read whole. Else it
    /// is passed on as it comes.
    async fn gathered(&self, parts: &Parts, body: Asked) -> Result<Gathered, Refused> {
        let is_limited = self.reserve.most > 0 && self.login.takes_tokens(parts.uri.path());
        if !is_limited && !self.provider().is_some_and(Opened::signs) {
            return Ok(Gathered { body: reqwest::Body::wrap(body), whole: None, _room: None, reserved: None });
        }
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let room = self.reserve.room(length).await;
        let body = body.collect().await.map_err(|error| broken(&*error))?.to_bytes();
        let gathered =
            |reserved| Gathered { body: body.clone().into(), whole: Some(body.clone()), _room: room, reserved };
        if !is_limited {
            return Ok(gathered(None));
        }
        let (login, whole) = (self.login, body.clone());
        let said = blocking(move || Ok(login.may_write(&whole))).await.ok().flatten();
        let tokens = said.unwrap_or(u64::MAX).saturating_add(body.len() as u64 / BYTES_OF_A_TOKEN);
        // what was asked before may have been counted meanwhile
        self.allowed_tokens()?;
        let Some(reserved) = self.reserve.take(self.tally.used().tokens(), tokens) else {
            let why = "what is asked already may take all that `login.max_tokens` leaves to this session";
            return Err(Refused { again: Some(AGAIN), ..Refused::new(Refusal::TooSoon, why) });
        };
        Ok(gathered(Some(reserved)))
    }

    /// Counts one request and what it took, when that is known.
    fn counting(&self, reserved: Option<Reserved>) -> Box<dyn FnOnce(Tokens)> {
        let tally = Arc::clone(&self.tally);
        Box::new(move |tokens| {
            tally.add(Usage::of(1, tokens));
            drop(reserved);
        })
    }
}

fn passed(answer: reqwest::Response, meter: Meter) -> Response<Out> {
    let (parts, body) = Response::<reqwest::Body>::from(answer).into_parts();
    let meter = meter.of(&parts.headers);
    let mut passed = Response::new(Either::Right(Answered { body, meter }));
    *passed.status_mut() = parts.status;
    *passed.headers_mut() = passed_back(&parts.headers);
    passed
}

/// Whether the guest's own request is the cause.
pub(in crate::supervisor) fn cut<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Cut> {
    error.downcast_ref().or_else(|| cut(error.source()?))
}

/// Why a guest's request did not arrive whole.
fn broken(error: &(dyn Error + 'static)) -> Refused {
    match cut(error) {
        Some(cut) => {
            let kind = if *cut == Cut::TooLarge { Refusal::TooLarge } else { Refusal::Malformed };
            Refused::new(kind, cut.to_string())
        }
        None => Refused::new(Refusal::Malformed, "the request did not arrive"),
    }
}

fn unreachable(error: &reqwest::Error) -> Refused {
    if cut(error).is_some() {
        return broken(error);
    }
    let what = if error.is_timeout() { "does not answer" } else { "cannot be reached" };
    if error.is_body() || error.is_request() && !error.is_connect() && !error.is_timeout() {
        return Refused::new(Refusal::Unreachable, "the connection to the API broke");
    }
    Refused::new(Refusal::Unreachable, format!("the API {what} from the host"))
}
