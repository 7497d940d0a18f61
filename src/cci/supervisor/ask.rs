//! Asks the supervisor, if there is one.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use cci_core::{Error, Result};
use cci_host::store::put::host;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustix::fs::{CWD, Mode, OFlags};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::build::Build;
use super::control::{ALLOW, END, Ended, HAND_OVER, LOOK, STATUS, STOP};
use super::egress::Asked;
use super::lock;
use super::place::Place;
use super::status::Status;

/// How long an answer may take: there is nothing that it waits for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what is being taken may take to be finished or rolled back.
pub(super) const FINISHES: Duration = Duration::from_secs(90);
/// How large an answer may be.
const LARGEST: usize = 4 * 1024 * 1024;

/// The supervisor of a place.
pub(crate) struct Ask<'a>(pub(crate) &'a Place);

impl Ask<'_> {
    /// What it is doing.
    pub(crate) async fn status(&self) -> io::Result<Status> {
        timeout(PATIENCE, self.send(Method::GET, STATUS)).await?
    }

    /// Its build.
    pub(super) async fn build(&self) -> io::Result<Build> {
        let status = self.status().await?;
        Ok(Build { version: status.version.unwrap_or_default(), written: status.built.unwrap_or_default() })
    }

    /// Has it listen for what has been noted, and returns when it does.
    pub(super) async fn look(&self) -> io::Result<Status> {
        timeout(PATIENCE, self.send(Method::POST, LOOK)).await?
    }

    /// Waits until it ends, and says why; an error is its sudden end.
    pub(super) async fn end(&self) -> io::Result<Ended> {
        let ended: Value = self.send(Method::GET, END).await?;
        serde_json::from_value(ended["ended"].clone()).map_err(io::Error::other)
    }

    /// Asks it to make room for another build.
    pub(super) async fn hand_over(&self) -> io::Result<Value> {
        timeout(PATIENCE, self.send(Method::POST, HAND_OVER)).await?
    }

    /// Lets a session reach something beside its policy, and returns when it does.
    pub(super) async fn allow(&self, asked: &Asked) -> io::Result<()> {
        let body = serde_json::to_vec(asked)?;
        let allowed: io::Result<Value> = timeout(PATIENCE, self.send_with(Method::POST, ALLOW, body)).await?;
        allowed.map(drop)
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let socket = self.0.socket();
        let (Some(above), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // a path of any length fits into an address this way
        let above = rustix::fs::openat(CWD, above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = format!("/proc/self/fd/{}/{}", above.as_raw_fd(), name.to_string_lossy());
        UnixStream::connect(path).await
    }

    async fn send<T: DeserializeOwned>(&self, method: Method, path: &str) -> io::Result<T> {
        self.send_with(method, path, Vec::new()).await
    }

    async fn send_with<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> io::Result<T> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let request =
            Request::builder().method(method).uri(path).header("host", "cci").body(Full::new(Bytes::from(body)));
        let exchange = async {
            let answer = sender.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
            let is_ok = answer.status().is_success();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(io::Error::other)?.to_bytes();
            if is_ok { serde_json::from_slice(&body).map_err(io::Error::other) } else { Err(refused(&body)) }
        };
        tokio::pin!(exchange);
        tokio::select! {
            answered = &mut exchange => answered,
            ended = connection => match ended {
                // the answer may have come with the end
                Ok(()) => exchange.await,
                Err(error) => Err(io::Error::other(error)),
            },
        }
    }
}

/// Why it does not do what it was asked.
fn refused(body: &[u8]) -> io::Error {
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    match refusal["error"]["message"].as_str() {
        Some(message) => io::Error::other(message.to_owned()),
        None => io::ErrorKind::ConnectionReset.into(),
    }
}

/// Ends the supervisor, and waits until what it was doing is finished; returns whether there was one. Until the next
/// launch none is started for what runs.
pub(crate) async fn stop(place: &Place) -> Result<bool> {
    let marker = place.unwanted();
    if place.sessions().has_watched() {
        place.sessions().make()?;
        let mark = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&marker);
        mark.map_err(host("write", &marker))?;
    }
    let asked: io::Result<Value> = match timeout(PATIENCE, Ask(place).send(Method::POST, STOP)).await {
        Ok(asked) => asked,
        Err(late) => Err(late.into()),
    };
    if asked.is_err() && !lock::is_held(place) {
        return Ok(false);
    }
    if lock::is_freed(place, FINISHES).await? {
        return Ok(true);
    }
    Err(Error::TimedOut { step: "stop the supervisor".into(), seconds: FINISHES.as_secs(), still_running: true })
}

/// The person wants one again.
pub(super) fn is_wanted_again(place: &Place) {
    let _ = fs::remove_file(place.unwanted());
}
