//! A command's output: bytes as they come, until the end frame.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Buf as _, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::Message;

use crate::websocket::Shared;

/// The state of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Flowing,
    /// The end frame has come on a terminal's socket: Incus ends the command only after our close.
    Closing,
    Ended,
}

/// The output of a command. As [`AsyncBufRead`] it returns each frame without a copy.
pub struct Stdout {
    socket: Shared,
    terminal: bool,
    stage: Stage,
    frame: Bytes,
}

/// The error output of a command with pipes; a terminal has none.
pub type Stderr = Stdout;

impl std::fmt::Debug for Stdout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stdout").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Stdout {
    pub(crate) fn pipe(socket: Shared) -> Self {
        Self { socket, terminal: false, stage: Stage::Flowing, frame: Bytes::new() }
    }

    pub(crate) fn terminal(socket: Shared) -> Self {
        Self { terminal: true, ..Self::pipe(socket) }
    }

    /// Waits for a frame, or the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.frame.is_empty() {
            match self.stage {
                Stage::Flowing => ready!(self.poll_next(cx))?,
                Stage::Closing => {
                    // a missing socket counts as closed
                    let _ = ready!(self.socket.poll_close(cx));
                    self.stage = Stage::Ended;
                }
                Stage::Ended => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.socket.poll_receive(cx)) {
            Some(Ok(Message::Binary(bytes))) => self.frame = bytes,
            Some(Ok(Message::Text(text))) if text.is_empty() => {
                self.stage = if self.terminal { Stage::Closing } else { Stage::Ended };
            }
            Some(Ok(Message::Text(text))) => self.frame = text.into(),
            Some(Ok(Message::Close(_))) | None => self.stage = Stage::Ended,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                self.stage = Stage::Ended;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, error)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Stdout {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_frame(cx))?;
        Poll::Ready(Ok(&this.frame))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        let amount = amount.min(self.frame.len());
        self.frame.advance(amount);
    }
}

impl AsyncRead for Stdout {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_frame(cx))?;
        let amount = into.remaining().min(self.frame.len());
        into.put_slice(&self.frame.split_to(amount));
        Poll::Ready(Ok(()))
    }
}
