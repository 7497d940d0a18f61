//! Controlling a running command; the command lives only as long as this is held.

use std::future::poll_fn;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use super::TermSize;
use crate::{
    error::{Error, Result},
    websocket::Shared,
};

/// The control socket of a command. Dropping it kills the command, whose exit status is then 137.
pub struct Control {
    socket: Shared,
    _listener: Listener,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    pub(super) fn new(socket: Shared) -> Self {
        Self { _listener: Listener::new(socket.clone()), socket }
    }

    /// Sends a command's terminal its new size.
    pub async fn resize(&self, size: TermSize) -> Result<()> {
        let args = json!({"width": size.cols.to_string(), "height": size.rows.to_string()});
        self.send("resize the terminal", &json!({"command": "window-resize", "args": args})).await
    }

    /// Sends a signal to the command, by its number on Linux.
    pub async fn signal(&self, signal: i32) -> Result<()> {
        self.send("send a signal", &json!({"command": "signal", "signal": signal})).await
    }

    async fn send(&self, what: &str, message: &serde_json::Value) -> Result<()> {
        let sent = poll_fn(|cx| self.socket.poll_send(cx, || Message::text(message.to_string()))).await;
        sent.map_err(|source| Error::lost(what, source))?;
        poll_fn(|cx| self.socket.poll_flush(cx)).await.map_err(|source| Error::lost(what, source))
    }
}

/// Reads a socket that only receives pings, so that they are answered; stops when it is dropped.
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    pub(super) fn new(socket: Shared) -> Self {
        Self(tokio::spawn(async move { while let Some(Ok(_)) = poll_fn(|cx| socket.poll_receive(cx)).await {} }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}
