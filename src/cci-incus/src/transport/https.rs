//! The remote transport: HTTPS with a client certificate and a pinned server certificate.

use std::{error::Error as _, io, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _};
use hyper::{
    StatusCode,
    http::{self, HeaderMap},
};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{
    answer::{Answer, Payload, Upgraded, head, not_upgraded},
    pin::Pin,
};
use crate::{
    error::{Error, Result},
    request::Request,
};

/// The address of a remote Incus, our identity, and its pinned certificate.
#[derive(Clone)]
pub struct HttpsRemote {
    /// `https://host:8443`, without a path.
    pub url: String,
    /// The client's certificate, as PEM.
    pub client_cert_pem: String,
    /// The key of that certificate, as PEM.
    pub client_key_pem: String,
    /// SHA-256 of the server's certificate (DER), as hex: what `incus info` shows as `certificate_fingerprint`.
    pub server_cert_pin: String,
}

impl std::fmt::Debug for HttpsRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsRemote").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A remote Incus and the pool of connections to it.
#[derive(Debug)]
pub(crate) struct Https {
    endpoint: String,
    pool: reqwest::Client,
}

impl Https {
    pub(crate) fn new(remote: &HttpsRemote) -> Result<Self> {
        let tls = tls(remote)?;
        let pool = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| Error::Unreachable { endpoint: remote.url.clone(), source: source.into() })?;
        Ok(Self { endpoint: remote.url.trim_end_matches('/').to_owned(), pool })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) async fn send(&self, request: &Request, project: &str, payload: Payload) -> Result<Answer> {
        let answer = self.exchange(request, project, payload).await?;
        Ok(into_answer(answer))
    }

    pub(crate) async fn upgrade(&self, request: &Request, project: &str) -> Result<(HeaderMap, Upgraded)> {
        let mut answer = self.exchange(request, project, Payload::Empty).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let Answer { status, headers, body } = into_answer(answer);
            return Err(not_upgraded(request, status, headers, body).await);
        }
        let headers = std::mem::take(answer.headers_mut());
        let upgraded = answer.upgrade().await.map_err(|source| Error::lost(&request.what, source))?;
        Ok((headers, Box::pin(upgraded)))
    }

    async fn exchange(&self, request: &Request, project: &str, payload: Payload) -> Result<reqwest::Response> {
        let uri = format!("{}{}", self.endpoint, request.target(project));
        let call = head(request, &payload)
            .uri(uri)
            .body(body(payload))
            .map_err(|source| Error::protocol(&request.what, source))
            .and_then(|call: http::Request<reqwest::Body>| {
                reqwest::Request::try_from(call).map_err(|source| Error::protocol(&request.what, source))
            })?;
        self.pool.execute(call).await.map_err(|source| self.failed(request, source))
    }

    fn failed(&self, request: &Request, failure: reqwest::Error) -> Error {
        if failure.is_connect() {
            let failure = failure.without_url();
            let cause = failure.source().map_or_else(|| failure.to_string(), innermost);
            return Error::Unreachable { endpoint: self.endpoint.clone(), source: cause.into() };
        }
        Error::lost(&request.what, failure.without_url())
    }
}

/// The text of the innermost error.
fn innermost(outer: &(dyn std::error::Error + 'static)) -> String {
    let mut error = outer;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

fn into_answer(mut answer: reqwest::Response) -> Answer {
    Answer {
        status: answer.status(),
        headers: std::mem::take(answer.headers_mut()),
        body: answer.bytes_stream().map_err(io::Error::other).boxed(),
    }
}

fn body(payload: Payload) -> reqwest::Body {
    match payload {
        Payload::Empty => reqwest::Body::default(),
        Payload::Json(bytes) | Payload::Bytes(bytes) => bytes.into(),
        Payload::Stream { stream, .. } => reqwest::Body::wrap_stream(stream),
    }
}

fn tls(remote: &HttpsRemote) -> Result<ClientConfig> {
    let what = |part: &str| format!("read the {part} for {}", remote.url);
    let invalid = |part: &str, source: rustls::pki_types::pem::Error| {
        Error::io(what(part), io::Error::new(io::ErrorKind::InvalidData, source))
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(remote.client_cert_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| invalid("client certificate", source))?;
    let key = PrivateKeyDer::from_pem_slice(remote.client_key_pem.as_bytes())
        .map_err(|source| invalid("client key", source))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pin = Pin::parse(&remote.server_cert_pin, &provider).ok_or_else(|| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "a fingerprint has 64 hexadecimal digits");
        Error::io(what("server certificate's fingerprint"), source)
    })?;
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config.dangerous().with_custom_certificate_verifier(Arc::new(pin)).with_client_auth_cert(certificates, key)
        })
        .map_err(|source| Error::io(what("client certificate"), io::Error::new(io::ErrorKind::InvalidData, source)))
}
