//! A connection of which something has been read already, and how much goes each way through it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much went each way.
#[derive(Debug, Default)]
pub(super) struct Moved {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Moved {
    /// The bytes that came from it, and those that went to it.
    pub(super) fn both(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    /// Waits until nothing has moved for so long.
    pub(super) async fn until_quiet(&self, quiet: Duration) {
        loop {
            let before = self.both();
            tokio::time::sleep(quiet).await;
            if self.both() == before {
                return;
            }
        }
    }
}

/// It, from its first byte.
pub(super) struct Replayed<S> {
    early: Vec<u8>,
    at: usize,
    stream: S,
    moved: Arc<Moved>,
}

impl<S> Replayed<S> {
    /// One that begins with these bytes.
    pub(super) fn new(early: Vec<u8>, stream: S) -> Self {
        Self { early, at: 0, stream, moved: Arc::default() }
    }

    pub(super) fn moved(&self) -> Arc<Moved> {
        Arc::clone(&self.moved)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let polled = if self.at < self.early.len() {
            let count = out.remaining().min(self.early.len() - self.at);
            out.put_slice(&self.early[self.at..self.at + count]);
            self.at += count;
            if self.at == self.early.len() {
                self.early = Vec::new();
                self.at = 0;
            }
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut self.stream).poll_read(cx, out)
        };
        self.moved.sent.fetch_add((out.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &polled {
            self.moved.received.fetch_add(*count as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_was_read_comes_first_and_all_of_it_is_counted() {
        let (mut theirs, ours) = duplex(100);
        let mut replayed = Replayed::new(b"early ".to_vec(), ours);
        theirs.write_all(b"late").await.unwrap();
        let mut read = [0; 10];
        replayed.read_exact(&mut read).await.unwrap();
        replayed.write_all(b"back").await.unwrap();
        assert_eq!((&read[..], replayed.moved().both()), (&b"early late"[..], (10, 4)));
    }
}
