//! Whoever answers what is asked in a connection of TLS that is ended here: so that requests carry what nobody in the
//! container has.

use std::sync::Arc;

use cci_core::network::HostName;
use http_body_util::Empty;
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response};
use rustls::ClientConfig;
use rustls::sign::CertifiedKey;

use super::onward::{Lost, Onward};

/// How a connection of TLS is ended.
pub struct Ending {
    /// The secrets that it is ended for, by their names.
    pub secrets: Vec<String>,
    /// What the container is shown: a certificate for this name, and its key.
    pub leaf: Arc<CertifiedKey>,
    /// What the server has to prove.
    pub outward: Arc<ClientConfig>,
}

/// Whoever answers.
pub trait Carry: Clone + 'static {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// How TLS to a name is ended, if it is; asked for each connection.
    fn ending(&self, name: &HostName, port: u16) -> impl Future<Output = Option<Ending>>;

    /// Answers a request, which is for the name of its connection and has a path only.
    fn answer(
        &self,
        request: Request<Incoming>,
        onward: Onward,
    ) -> impl Future<Output = Result<Response<Self::Body>, Lost>> + 'static;
}

/// Nobody: no TLS is ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Carry for Nobody {
    type Body = Empty<Bytes>;

    async fn ending(&self, _: &HostName, _: u16) -> Option<Ending> {
        None
    }

    fn answer(
        &self,
        _: Request<Incoming>,
        _: Onward,
    ) -> impl Future<Output = Result<Response<Empty<Bytes>>, Lost>> + 'static {
        std::future::ready(Err(Lost::Unanswered))
    }
}
