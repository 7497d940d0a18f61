//! Two connections joined: every byte of one goes to the other, and the end of one direction is the end of that one only.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// As much as is read at once. It stands on the stack while a connection is served: one that is idle holds no buffer.
const PIECE: usize = 64 * 1024;

/// The bytes that went each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spliced {
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// One direction.
#[derive(Default)]
struct Way {
    /// What has been read and could not be written yet.
    rest: Vec<u8>,
    written: usize,
    stage: Stage,
    bytes: u64,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    Ending,
    Ended,
}

/// Joins them until both directions have ended, one has broken, or nothing has moved for so long. `early` is what has
/// been read of each already.
pub(super) async fn splice<C, S>(mut client: (Vec<u8>, C), mut server: (Vec<u8>, S), idle: Duration) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Way { rest: client.0, ..Way::default() };
    let mut back = Way { rest: server.0, ..Way::default() };
    let mut timer = std::pin::pin!(tokio::time::sleep(idle));
    let mut moved = (0, Instant::now());
    poll_fn(|cx| {
        let ways = [out.poll(cx, &mut client.1, &mut server.1), back.poll(cx, &mut server.1, &mut client.1)];
        if ways.iter().any(|way| matches!(way, Poll::Ready(Err(_)))) || ways.iter().all(Poll::is_ready) {
            return Poll::Ready(());
        }
        if moved.0 != out.bytes + back.bytes {
            moved = (out.bytes + back.bytes, Instant::now());
        }
        // the timer is set anew when it rings, and not for every byte
        while timer.as_mut().poll(cx).is_ready() {
            if moved.1 + idle <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(moved.1 + idle);
        }
        Poll::Pending
    })
    .await;
    Spliced { sent: out.bytes, received: back.bytes }
}

impl Way {
    /// Moves what can be moved.
    #[expect(clippy::large_stack_arrays, reason = "on the heap each connection would hold one")]
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.written < self.rest.len() {
                self.written += ready!(self.write(cx, to, None))?;
                continue;
            }
            match self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.stage = Stage::Ended;
                    continue;
                }
                Stage::Open => {}
            }
            self.rest = Vec::new();
            self.written = 0;
            let mut piece = [const { MaybeUninit::uninit() }; PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut *from).poll_read(cx, &mut piece) {
                Poll::Pending => {
                    ready!(Pin::new(&mut *to).poll_flush(cx))?;
                    return Poll::Pending;
                }
                Poll::Ready(read) => read?,
            }
            let piece = piece.filled();
            if piece.is_empty() {
                self.stage = Stage::Ending;
                continue;
            }
            match self.write(cx, to, Some(piece))? {
                Poll::Ready(written) if written == piece.len() => {}
                Poll::Ready(written) => self.rest = piece[written..].to_vec(),
                Poll::Pending => self.rest = piece.to_vec(),
            }
        }
    }

    /// Writes a piece, or what is left.
    fn write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        piece: Option<&[u8]>,
    ) -> Poll<io::Result<usize>> {
        let bytes = piece.unwrap_or(&self.rest[self.written..]);
        let written = ready!(Pin::new(to).poll_write(cx, bytes))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.bytes += written as u64;
        Poll::Ready(Ok(written))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn each_direction_ends_by_itself() {
        let ((mut client, inner), (outer, mut server)) = (duplex(64), duplex(64));
        let joined = tokio::spawn(splice((b"early ".to_vec(), inner), (b"hello ".to_vec(), outer), HOUR));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = String::new();
        server.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "early question");
        server.write_all(b"answer, long after the end of the question").await.unwrap();
        drop(server);
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        assert_eq!(answered, "hello answer, long after the end of the question");
        assert_eq!(joined.await.unwrap(), Spliced { sent: 14, received: 48 });
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_silence_is_no_end() {
        let ((mut client, inner), (outer, mut server)) = (duplex(16), duplex(16));
        let joined = tokio::spawn(splice((vec![], inner), (vec![], outer), 2 * HOUR));
        for _ in 0..3 {
            tokio::time::sleep(HOUR + HOUR / 2).await;
            server.write_all(b"x").await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'x');
        }
        tokio::time::sleep(2 * HOUR + HOUR / 2).await;
        assert!(joined.is_finished());
    }

    #[tokio::test]
    async fn a_megabyte_goes_through_both_ways_at_once() {
        let ((client, inner), (outer, server)) = (duplex(1000), duplex(3000));
        let joined = tokio::spawn(splice((vec![], inner), (vec![], outer), HOUR));
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let through = |stream: tokio::io::DuplexStream| {
            let bytes = bytes.clone();
            async move {
                let (mut read, mut write) = tokio::io::split(stream);
                let sending = async {
                    write.write_all(&bytes).await.unwrap();
                    write.shutdown().await.unwrap();
                };
                let mut got = Vec::new();
                let receiving = read.read_to_end(&mut got);
                let ((), received) = tokio::join!(sending, receiving);
                received.unwrap();
                got
            }
        };
        let (one, other) = tokio::join!(through(client), through(server));
        assert!(one == bytes && other == bytes);
        assert_eq!(joined.await.unwrap(), Spliced { sent: 1_000_000, received: 1_000_000 });
    }
}
