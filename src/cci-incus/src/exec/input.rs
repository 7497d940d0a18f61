//! A command's stdin.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::control::Listener;
use crate::websocket::Shared;

/// The largest frame: few system calls, little memory.
const LARGEST_FRAME: usize = 128 * 1024;

/// What the command reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pipe of its own.
    Pipe,
    /// A terminal, whose one socket carries both directions.
    Terminal,
}

/// The input of a command. Shutting it down sends the end of the stream; what was written has been sent after a flush.
pub struct Stdin {
    socket: Shared,
    ended: bool,
    /// Answers pings if nothing else reads the socket.
    _listener: Option<Listener>,
}

impl std::fmt::Debug for Stdin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stdin").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Stdin {
    pub(super) fn new(socket: Shared, kind: Kind) -> Self {
        let listener = (kind == Kind::Pipe).then(|| Listener::new(socket.clone()));
        Self { socket, ended: false, _listener: listener }
    }

    /// Sends everything from `source` and then the end, in large frames; returns the number of bytes.
    pub async fn pour(&mut self, mut source: impl AsyncRead + Unpin) -> io::Result<u64> {
        let mut buffer = vec![0; LARGEST_FRAME];
        let mut sent = 0;
        loop {
            let read = source.read(&mut buffer).await?;
            if read == 0 {
                self.shutdown().await?;
                return Ok(sent);
            }
            self.write_all(buffer.get(..read).unwrap_or_default()).await?;
            self.flush().await?;
            sent += read as u64;
        }
    }
}

impl AsyncWrite for Stdin {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let frame = bytes.get(..LARGEST_FRAME).unwrap_or(bytes);
        if frame.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let sent = self.socket.poll_send(cx, || Message::Binary(Bytes::copy_from_slice(frame)));
        sent.map_ok(|()| frame.len()).map_err(broken)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush(cx).map_err(broken)
    }

    /// An empty text frame ends the stream.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(self.socket.poll_send(cx, || Message::text(""))).map_err(broken)?;
            self.ended = true;
        }
        self.socket.poll_flush(cx).map_err(broken)
    }
}

/// A command that stops reading is a broken pipe, as it is locally.
fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
