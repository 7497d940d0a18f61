//! HTTPS to a remote Incus: a client certificate, and a server certificate that is known by its fingerprint.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::StatusCode;
use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};

use super::{Response, Upgraded};
use crate::error::{Error, Result};
use crate::request::Request;

/// How a remote Incus is reached.
#[derive(Debug, Clone)]
pub struct HttpsRemote {
    /// `https://host:8443`
    pub url: String,
    /// The certificate that the server trusts.
    pub client_cert_pem: Vec<u8>,
    /// Its private key.
    pub client_key_pem: Vec<u8>,
    /// SHA-256 of the server's certificate (DER), in hex.
    pub server_cert_pin: String,
}

pub(crate) struct Https {
    url: String,
    client: reqwest::Client,
}

impl Https {
    pub(crate) fn new(remote: &HttpsRemote) -> Result<Self> {
        let odd = |problem: String| Error::Protocol { call: remote.url.clone(), problem };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificates = CertificateDer::pem_slice_iter(&remote.client_cert_pem)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| odd(format!("client certificate: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(&remote.client_key_pem)
            .map_err(|error| odd(format!("client key: {error}")))?;
        let verifier = Pinned { pin: remote.server_cert_pin.to_lowercase(), provider: provider.clone() };
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| odd(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(certificates, key)
            .map_err(|error| odd(error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .build()
            .map_err(|error| odd(error.to_string()))?;
        Ok(Self { url: remote.url.trim_end_matches('/').to_owned(), client })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.url.clone()
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        let response: hyper::Response<reqwest::Body> = self.raw(request).await?.into();
        let (parts, body) = response.into_parts();
        let body = body.map_err(Into::into).boxed_unsync();
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn upgrade(&self, request: Request) -> Result<Upgraded> {
        let response = self.raw(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (parts, body) = hyper::Response::<reqwest::Body>::from(response).into_parts();
            let body = body.map_err(Into::into).boxed_unsync();
            return Ok(Upgraded::Refused(Response { status: parts.status, headers: parts.headers, body }));
        }
        let headers = response.headers().clone();
        let stream = response.upgrade().await.map_err(|error| Error::Broken(error.into()))?;
        Ok(Upgraded::Stream { headers, stream: Box::new(stream) })
    }

    async fn raw(&self, request: Request) -> Result<reqwest::Response> {
        let mut built = self.client.request(request.method.clone(), format!("{}{}", self.url, request.target()));
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        let body = request.body.collect().await.map_err(|error| Error::Broken(error.into()))?.to_bytes();
        built.body(body).send().await.map_err(|error| {
            if error.is_connect() {
                Error::Unreachable { endpoint: self.endpoint(), source: error.into() }
            } else {
                Error::Broken(error.into())
            }
        })
    }
}

/// Trusts exactly one certificate; its signatures are still checked.
#[derive(Debug)]
struct Pinned {
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if hex(&Sha256::digest(certificate)) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Lowercase hex.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
