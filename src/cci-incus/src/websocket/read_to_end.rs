//! A connection that is read to its end even if nothing can be written to it any more.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::Upgraded;

/// Pretends that writes to a closed peer succeed: on a socket used for reading they answer a ping, and what the peer
/// sent before it closed is still to come.
pub(super) struct ReadToEnd(pub(super) Upgraded);

/// A closed peer accepts everything.
fn ok_if_closed<T>(done: io::Result<T>, everything: T) -> io::Result<T> {
    match done {
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
            Ok(everything)
        }
        done => done,
    }
}

impl AsyncRead for ReadToEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, into)
    }
}

impl AsyncWrite for ReadToEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(ok_if_closed(ready!(self.0.as_mut().poll_write(cx, bytes)), bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ok_if_closed(ready!(self.0.as_mut().poll_flush(cx)), ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ok_if_closed(ready!(self.0.as_mut().poll_shutdown(cx)), ()))
    }
}
