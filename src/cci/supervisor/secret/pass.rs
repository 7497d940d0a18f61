//! Passes a session's requests on to the hosts of its secrets, and lets them carry these.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cci_core::secret::{SecretHost, SecretName};
use cci_host::secrets::{Secret, Source};
use cci_host::store::run_dir::SecretsNote;
use cci_proxy::egress::{Lost, Onward};
use cci_proxy::{Meant, NotPlain, Scrub, Scrubbed, Swap, is_foreign, meant, mentions, swap};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, EXPECT, HeaderMap, HeaderName, HeaderValue,
    IF_RANGE, RANGE, SEC_WEBSOCKET_EXTENSIONS, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, StatusCode};
use reqwest::Client;

use super::out::Out;
use super::refused::Refused;
use super::upgrade::{agrees, switched_to};
use super::vault::Vault;
use crate::supervisor::login::{AskedBody, Cut, cut, of_no_connection, passed_back};

/// The longest body of a request: as long as a push to GitHub may be.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;
/// How long it may take.
const ARRIVES: Duration = Duration::from_secs(3600);

/// The way from one session to the hosts of its secrets.
pub(super) struct Passage {
    pub(super) note: SecretsNote,
    pub(super) vault: Rc<Vault>,
    http: Client,
}

/// What a request carries.
struct Carried {
    headers: HeaderMap,
    /// Whose values these are.
    names: Vec<SecretName>,
    /// What no answer may show.
    texts: Vec<String>,
}

impl Passage {
    /// The one of a session.
    pub(super) fn of(note: &SecretsNote, vault: &Rc<Vault>) -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self { note: note.clone(), vault: Rc::clone(vault), http: vault.http()? }))
    }

    /// Answers a request.
    pub(super) async fn respond(self: Rc<Self>, request: Request<Incoming>) -> Response<Out> {
        let is_git = is_git(request.headers());
        match self.pass(request).await {
            Ok(answer) => answer,
            Err(refused) => refused.answer(is_git),
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Out>, Refused> {
        let (parts, body) = request.into_parts();
        let meant = meant(&parts).map_err(not_plain)?;
        let kept = self.vault.kept(&self.note).await?;
        let place = place(&kept, &meant)?;
        let Carried { headers, names, texts } = self.carried(&parts, &kept, (&place, &meant)).await?;
        let unfit = || Refused::malformed("the request cannot be passed on");
        let mut onward = Request::builder()
            .method(parts.method)
            .uri(format!("{}{}", place.origin(), meant.target))
            .body(reqwest::Body::wrap(AskedBody::within(body, Arc::default(), (LARGEST, ARRIVES))))
            .map_err(|_| unfit())?;
        *onward.headers_mut() = headers;
        let onward = reqwest::Request::try_from(onward).map_err(|_| unfit())?;
        let answer = self.http.execute(onward).await.map_err(|error| unreachable(&error, &place))?;
        self.told(answer.status(), &names);
        passed(answer.into(), &texts)
    }

    /// Answers a request in a connection of TLS that is ended for a secret.
    pub(super) async fn respond_within(
        self: Rc<Self>,
        request: Request<Incoming>,
        onward: Onward,
    ) -> Result<Response<Out<Incoming>>, Lost> {
        let is_git = is_git(request.headers());
        match self.pass_within(request, &onward).await {
            Ok(answer) => Ok(answer),
            Err(Failed::Refused(refused)) => Ok(refused.answer(is_git)),
            Err(Failed::Lost(Lost::Broken(why))) => Ok(Refused::unreachable(why).answer(is_git)),
            Err(Failed::Lost(lost)) => Err(lost),
        }
    }

    async fn pass_within(
        &self,
        mut request: Request<Incoming>,
        onward: &Onward,
    ) -> Result<Response<Out<Incoming>>, Failed> {
        let client = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        let name = onward.name().as_str();
        let trusted = self.note.trusts.as_deref().unwrap_or_default();
        // a connection outlives the authority that vouched for it
        if self.vault.leaves(trusted).await.map_err(Refused::from)?.is_none() {
            let why = "the authority of this container's TLS was removed or replaced: ask on another connection";
            return Err(Refused::forbidden(why).into());
        }
        let kept = self.vault.kept(&self.note).await?;
        let places = kept.iter().flat_map(|(_, secret)| secret.places());
        let place = places.filter(SecretHost::is_tls).find(|host| host.name() == name).ok_or_else(|| {
            Refused::forbidden(format!("no secret of this session is for {name} any more: ask on another connection"))
        })?;
        let meant = Meant {
            host: name.to_owned(),
            port: None,
            path: parts.uri.path().to_owned(),
            target: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
        };
        let Carried { mut headers, names, texts } = self.carried(&parts, &kept, (&place, &meant)).await?;
        let switches = switched_to(&parts)?;
        of_this_connection(&parts.headers, switches.as_ref(), &mut headers);
        parts.headers = headers;
        let mut answer = onward.send(Request::from_parts(parts, body)).await.map_err(Failed::Lost)?;
        self.told(answer.status(), &names);
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(passed(answer, &texts)?);
        }
        let Some(protocol) = switches.filter(|_| agrees(answer.headers())) else {
            let why = format!("{name} goes over to what nobody asked for: it cannot be looked through for the secret");
            return Err(Refused::unreachable(why).into());
        };
        onward.join(client, hyper::upgrade::on(&mut answer), Scrub::new(&texts));
        let mut passed = passed(answer, &texts)?;
        passed.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        passed.headers_mut().insert(UPGRADE, protocol);
        Ok(passed)
    }

    /// A host has answered with this: what a command printed may be used no longer.
    fn told(&self, status: StatusCode, names: &[SecretName]) {
        if status == StatusCode::UNAUTHORIZED {
            for name in names {
                self.vault.forget(name);
            }
        }
    }

    /// The headers with the values where placeholders stand, if these may go to that place.
    async fn carried(
        &self,
        parts: &Parts,
        kept: &[(SecretName, Secret)],
        (place, meant): (&SecretHost, &Meant),
    ) -> Result<Carried, Refused> {
        let mut headers = of_no_connection(&parts.headers);
        // a part of an answer may begin or end within a secret
        for name in [COOKIE, EXPECT, RANGE, IF_RANGE] {
            headers.remove(name);
        }
        // what is compressed cannot be looked through
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut carried = Carried { headers, names: Vec::new(), texts: Vec::new() };
        let placeholders: Vec<String> = kept.iter().map(|(name, _)| name.placeholder()).collect();
        // anything else would be somebody else's login, by which data could leave
        if is_foreign(&parts.headers, &placeholders) {
            return Err(Refused::forbidden("only the placeholders of this session's secrets open anything here"));
        }
        for ((name, secret), placeholder) in kept.iter().zip(&placeholders) {
            if meant.target.contains(placeholder.as_str()) {
                return Err(Refused::forbidden(format!(
                    "secret {name} is carried by headers, and never by an address"
                )));
            }
            if !mentions(&carried.headers, placeholder) {
                // what an earlier request carried may be repeated to this one
                if secret.places().contains(place) {
                    carried.texts.extend(self.vault.carried(name, secret).map(|value| value.reveal().to_owned()));
                }
                continue;
            }
            if !secret.places().contains(place) {
                return Err(Refused::forbidden(format!("secret {name} is not for {place}")));
            }
            if let (Some(github), Some(host)) = (&secret.github, secret.hosts.first()) {
                let repositories = github.repositories(host, &self.note.remotes);
                repositories.allow(place, &meant.path).map_err(|denied| Refused::forbidden(denied.told(name)))?;
            }
            let value = self.vault.value(name, secret).await?;
            let with = Swap { placeholder, value: value.reveal() };
            let Some(swapped) = swap(&mut carried.headers, with) else {
                let why = format!("secret {name} is carried by a header of its own, alone or behind one word");
                return Err(Refused::malformed(why));
            };
            carried.texts.extend(swapped.0);
            if matches!(secret.source, Source::Command(_)) {
                carried.names.push(name.clone());
            }
        }
        Ok(carried)
    }
}

/// The host that is meant: one that a secret of the session is for.
fn place(kept: &[(SecretName, Secret)], meant: &Meant) -> Result<SecretHost, Refused> {
    let all = kept.iter().flat_map(|(_, secret)| secret.places());
    let mut meant_ones: Vec<SecretHost> = all.filter(|host| host.is_meant(&meant.host, meant.port)).collect();
    // encrypted, where both are possible
    meant_ones.sort();
    let none = || {
        let host = meant.host.escape_default();
        Refused::forbidden(format!(
            "no secret of this session is for {host}: only the hosts of secrets are reached here"
        ))
    };
    meant_ones.into_iter().next().ok_or_else(none)
}

/// Why a request in a connection of TLS is not passed on.
enum Failed {
    Refused(Refused),
    Lost(Lost),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

fn is_git(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"git/"))
}

/// Puts back what is for the next connection as well, which is in the same protocol, and leaves out what would compress.
fn of_this_connection(asked: &HeaderMap, switches: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if asked.get_all(TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = switches {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    for asks in ["grpc-accept-encoding", "connect-accept-encoding"] {
        headers.remove(asks);
    }
}

fn not_plain(why: NotPlain) -> Refused {
    Refused::malformed(match why {
        NotPlain::Tunnel => "a tunnel carries no secret: ask with http://, which goes on encrypted from the host",
        NotPlain::Scheme => "ask with http://: it goes on encrypted from the host",
        NotPlain::Host => "the request does not name one host",
        NotPlain::Upgrade => "no other protocol is spoken here",
        NotPlain::Path => "the request names no path",
    })
}

fn passed<B>(answer: Response<B>, texts: &[String]) -> Result<Response<Out<B>>, Refused> {
    let (parts, body) = answer.into_parts();
    let mut headers = passed_back(&parts.headers);
    let is = |name: HeaderName, coding: &str| {
        let mut codings = parts.headers.get_all(name).iter();
        codings.all(|value| value.as_bytes().eq_ignore_ascii_case(coding.as_bytes()))
    };
    let of_messages = ["grpc-encoding", "connect-content-encoding"].map(HeaderName::from_static);
    let is_plain = is(CONTENT_ENCODING, "identity")
        && is(TRANSFER_ENCODING, "chunked")
        && of_messages.into_iter().all(|name| is(name, "identity"));
    if !(texts.is_empty() || is_plain) {
        let why = "the answer is compressed, though nobody asked for that: it cannot be looked through for the secret";
        return Err(Refused::unreachable(why));
    }
    let scrub = Scrub::new(texts);
    scrub.headers(&mut headers);
    let kind = parts.headers.get(CONTENT_TYPE);
    let waits = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let body = if waits { Scrubbed::of_messages(body, scrub) } else { Scrubbed::new(body, scrub) };
    let mut passed = Response::new(Either::Right(body));
    *passed.status_mut() = parts.status;
    *passed.headers_mut() = headers;
    Ok(passed)
}

fn unreachable(error: &reqwest::Error, place: &SecretHost) -> Refused {
    match cut(error) {
        Some(cut @ Cut::TooLarge) => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", cut.to_string()),
        Some(cut @ Cut::TooLate) => Refused::malformed(cut.to_string()),
        None if error.is_timeout() => Refused::unreachable(format!("{place} does not answer")),
        None if error.is_connect() => Refused::unreachable(format!("{place} cannot be reached from the host")),
        None => Refused::unreachable(format!("the connection to {place} broke")),
    }
}
