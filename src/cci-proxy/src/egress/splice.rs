//! Two connections joined: every byte of one goes to the other, and the end of one direction is the end of that one only.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::kernel::{Pipe, Pipes};
use super::stream::Stream;

/// As much as is read at once. It stands on the stack while a connection is served: one that is idle holds no buffer.
const PIECE: usize = 256 * 1024;
/// From so many bytes on a direction goes through the kernel: what is short is not worth a pipe.
const LONG: u64 = 1024 * 1024;

/// Which side one direction broke off at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nothing more comes, or what comes is not what it has to be.
    From,
    /// Nobody takes it any more.
    To,
}

/// The bytes that went each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spliced {
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// One direction.
struct Way {
    /// What has been read and could not be written yet.
    rest: Vec<u8>,
    written: usize,
    stage: Stage,
    bytes: u64,
    /// How much may still be read.
    left: u64,
    /// Whether the end of what is read is passed on.
    ends: bool,
    /// Where the bytes are while the kernel moves them. An idle connection has none.
    pipe: Option<Pipe>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Ending,
    Ended,
}

/// Joins them until both directions have ended, one has broken, or nothing has moved for so long. `early` is what has
/// been read of each already.
pub(super) async fn splice<C, S>(
    mut client: (Vec<u8>, C),
    mut server: (Vec<u8>, S),
    idle: Duration,
    pipes: &Pipes,
) -> Spliced
where
    C: Stream,
    S: Stream,
{
    let (mut out, mut back) = (Way::new(client.0, u64::MAX, true), Way::new(server.0, u64::MAX, true));
    let mut quiet = Quiet::new(idle);
    let mut timer = std::pin::pin!(tokio::time::sleep(idle));
    let mut out_first = false;
    poll_fn(|cx| {
        // a direction with much to move uses up what one turn allows: the other one begins the next
        out_first = !out_first;
        let ways = if out_first {
            let sent = out.join(cx, &mut client.1, &mut server.1, pipes);
            [sent, back.join(cx, &mut server.1, &mut client.1, pipes)]
        } else {
            let received = back.join(cx, &mut server.1, &mut client.1, pipes);
            [out.join(cx, &mut client.1, &mut server.1, pipes), received]
        };
        if ways.iter().any(|way| matches!(way, Poll::Ready(Err(_)))) || ways.iter().all(Poll::is_ready) {
            return Poll::Ready(());
        }
        quiet.poll(cx, timer.as_mut(), out.bytes + back.bytes)
    })
    .await;
    Spliced { sent: out.bytes, received: back.bytes }
}

/// Passes on so many bytes of one direction, or fewer if it ends before; how many.
pub(super) async fn pass<R, W>(most: u64, from: &mut R, to: &mut W, idle: Duration) -> Result<u64, Broken>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut way, mut quiet) = (Way::new(Vec::new(), most, false), Quiet::new(idle));
    let mut timer = std::pin::pin!(tokio::time::sleep(idle));
    poll_fn(|cx| match way.poll(cx, from, to) {
        Poll::Ready(done) => Poll::Ready(done),
        // whichever side it waits for has gone
        Poll::Pending => quiet.poll(cx, timer.as_mut(), way.bytes).map(|()| Err(way.slow())),
    })
    .await?;
    Ok(way.bytes)
}

/// Whether nothing moves.
struct Quiet {
    idle: Duration,
    moved: (u64, Instant),
}

impl Quiet {
    fn new(idle: Duration) -> Self {
        Self { idle, moved: (0, Instant::now()) }
    }

    /// Ready once nothing has moved for so long. The timer is set anew when it rings, and not for every byte.
    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>, bytes: u64) -> Poll<()> {
        if self.moved.0 != bytes {
            self.moved = (bytes, Instant::now());
        }
        while timer.as_mut().poll(cx).is_ready() {
            let until = self.moved.1 + self.idle;
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl Way {
    fn new(early: Vec<u8>, left: u64, ends: bool) -> Self {
        Self { rest: early, written: 0, stage: Stage::Open, bytes: 0, left, ends, pipe: None }
    }

    /// Which side it waits for.
    fn slow(&self) -> Broken {
        if self.written < self.rest.len() { Broken::To } else { Broken::From }
    }

    /// Moves what can be moved, in the kernel where there is much of it and both are sockets.
    fn join<R: Stream, W: Stream>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        pipes: &Pipes,
    ) -> Poll<Result<(), Broken>> {
        while self.is_long() {
            let Some((from, to)) = from.tcp().zip(to.tcp()) else { break };
            // without a file or a pipe to spare it goes on as before
            let Some(pipe) = self.pipe.take().or_else(|| Pipe::new(pipes)) else { break };
            ready!(self.move_a_piece(cx, pipe, from, to))?;
        }
        self.poll(cx, from, to)
    }

    fn is_long(&self) -> bool {
        self.stage == Stage::Open && self.bytes >= LONG && self.written == self.rest.len()
    }

    /// The pipe stays for the next piece, unless there is none to wait with.
    fn move_a_piece(
        &mut self,
        cx: &mut Context<'_>,
        mut pipe: Pipe,
        from: &TcpStream,
        to: &TcpStream,
    ) -> Poll<Result<(), Broken>> {
        if pipe.is_empty() {
            match ready!(pipe.fill(cx, from)).map_err(|_| Broken::From)? {
                0 => {
                    self.stage = Stage::Ending;
                    return Poll::Ready(Ok(()));
                }
                count => self.left -= count as u64,
            }
        }
        let drained = pipe.drain(cx, to);
        self.pipe = Some(pipe);
        self.bytes += ready!(drained).map_err(|_| Broken::To)? as u64;
        Poll::Ready(Ok(()))
    }

    /// Moves what can be moved.
    #[expect(clippy::large_stack_arrays, reason = "on the heap each connection would hold one")]
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Result<(), Broken>>
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
                Stage::Ended if self.ends => return Poll::Ready(Ok(())),
                Stage::Ended => return Pin::new(&mut *to).poll_flush(cx).map_err(|_| Broken::To),
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(|_| Broken::To)?;
                    self.stage = Stage::Ended;
                    continue;
                }
                Stage::Open if self.left == 0 => {
                    self.stage = Stage::Ended;
                    continue;
                }
                Stage::Open => {}
            }
            self.rest = Vec::new();
            self.written = 0;
            let mut piece = [const { MaybeUninit::uninit() }; PIECE];
            let most = PIECE.min(usize::try_from(self.left).unwrap_or(PIECE));
            let mut piece = ReadBuf::uninit(&mut piece[..most]);
            match Pin::new(&mut *from).poll_read(cx, &mut piece) {
                Poll::Pending => {
                    ready!(Pin::new(&mut *to).poll_flush(cx)).map_err(|_| Broken::To)?;
                    return Poll::Pending;
                }
                Poll::Ready(read) => read.map_err(|_| Broken::From)?,
            }
            let piece = piece.filled();
            if piece.is_empty() {
                self.stage = if self.ends { Stage::Ending } else { Stage::Ended };
                continue;
            }
            self.left -= piece.len() as u64;
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
    ) -> Poll<Result<usize, Broken>> {
        let bytes = piece.unwrap_or(&self.rest[self.written..]);
        match ready!(Pin::new(to).poll_write(cx, bytes)) {
            Ok(written @ 1..) => {
                self.bytes += written as u64;
                Poll::Ready(Ok(written))
            }
            Ok(0) | Err(_) => Poll::Ready(Err(Broken::To)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, repeat, sink};
    use tokio::sync::Notify;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Joins them with pipes of their own.
    async fn spliced<C: Stream, S: Stream>(client: (Vec<u8>, C), server: (Vec<u8>, S), idle: Duration) -> Spliced {
        splice(client, server, idle, &Pipes::default()).await
    }

    /// What is read and what is written, of different things.
    struct Both<R, W>(R, W);

    impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Both<R, W> {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, out)
        }
    }

    impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Both<R, W> {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.1).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.1).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.1).poll_shutdown(cx)
        }
    }

    impl<R: AsyncRead + Unpin + Send + 'static, W: AsyncWrite + Unpin + Send + 'static> Stream for Both<R, W> {}

    #[tokio::test]
    async fn a_direction_that_never_rests_leaves_the_other_its_turns() {
        let ((from, mut writes), (to, mut reads)) = (duplex(64), duplex(64));
        // the one that is looked at first has always something to move
        let (busy, other) = (Both(repeat(7), to), Both(from, sink()));
        let joined = tokio::spawn(spliced((vec![], busy), (vec![], other), HOUR));
        writes.write_all(b"word").await.unwrap();
        let mut word = [0; 4];
        let read = tokio::time::timeout(Duration::from_secs(20), reads.read_exact(&mut word)).await;
        joined.abort();
        assert!(read.is_ok_and(|read| read.is_ok()) && &word == b"word");
    }

    #[tokio::test]
    async fn a_reader_that_waits_holds_up_neither_the_other_direction_nor_the_thread() {
        let ((mut client, inner), (outer, mut server)) = (socket().await, socket().await);
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let joined = tokio::spawn(async move {
            let mut splicing = Box::pin(spliced((vec![], inner), (vec![], outer), HOUR));
            poll_fn(|cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                splicing.as_mut().poll(cx)
            })
            .await
        });
        // as much as fits: the sockets and the pipe are full, and nobody reads
        let bytes = vec![7; 64 * 1024];
        let mut sent = 0;
        while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(200), client.write(&bytes)).await {
            sent += count as u64;
        }
        assert!(sent > LONG, "{sent}");
        let before = polls.load(Ordering::Relaxed);
        for _ in 0..50 {
            server.write_all(b"word").await.unwrap();
            let mut word = [0; 4];
            client.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"word");
        }
        let polled = polls.load(Ordering::Relaxed) - before;
        assert!(polled <= 200, "{polled} turns for 50 words");
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len() as u64, sent);
        drop(server);
        assert_eq!(joined.await.unwrap(), Spliced { sent, received: 200 });
    }

    #[tokio::test]
    async fn there_are_so_many_pipes_and_beyond_them_it_goes_on_without() {
        let pipes = Pipes::default();
        let held: Vec<Pipe> = std::iter::from_fn(|| Pipe::new(&pipes)).take(100).collect();
        assert_eq!(held.len(), 32);
        let ((mut client, inner), (outer, mut server)) = (socket().await, socket().await);
        let joined = tokio::spawn(async move { splice((vec![], inner), (vec![], outer), HOUR, &pipes).await });
        let bytes = vec![7; 5_000_000];
        let sending = async {
            client.write_all(&bytes).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let ((), read) = tokio::join!(sending, server.read_to_end(&mut got));
        read.unwrap();
        drop(server);
        assert_eq!((got.len(), joined.await.unwrap().sent), (5_000_000, 5_000_000));
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn each_direction_ends_by_itself() {
        let ((mut client, inner), (outer, mut server)) = (duplex(64), duplex(64));
        let joined = tokio::spawn(spliced((b"early ".to_vec(), inner), (b"hello ".to_vec(), outer), HOUR));
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
        let joined = tokio::spawn(spliced((vec![], inner), (vec![], outer), 2 * HOUR));
        for _ in 0..3 {
            tokio::time::sleep(HOUR + HOUR / 2).await;
            server.write_all(b"x").await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'x');
        }
        tokio::time::sleep(2 * HOUR + HOUR / 2).await;
        assert!(joined.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_are_passed_on_and_what_follows_is_left() {
        let ((mut client, mut inner), (mut outer, mut server)) = (duplex(100), duplex(7));
        client.write_all(b"a body of 20 bytes..and what follows").await.unwrap();
        let passing = pass(20, &mut inner, &mut outer, HOUR);
        let mut got = [0; 20];
        let (passed, read) = tokio::join!(passing, server.read_exact(&mut got));
        assert_eq!((passed, read.unwrap(), &got), (Ok(20), 20, b"a body of 20 bytes.."));
        let mut rest = [0; 16];
        inner.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"and what follows");

        client.write_all(b"short").await.unwrap();
        drop(client);
        assert_eq!(pass(20, &mut inner, &mut outer, HOUR).await, Ok(5), "it ended before");
        let ((mut client, mut inner), (mut outer, server)) = (duplex(100), duplex(7));
        assert_eq!(pass(20, &mut inner, &mut outer, HOUR).await, Err(Broken::From), "nothing comes");
        client.write_all(b"more than fits").await.unwrap();
        assert_eq!(pass(14, &mut inner, &mut outer, HOUR).await, Err(Broken::To), "nobody takes it");
        drop(server);
        client.write_all(b"x").await.unwrap();
        assert_eq!(pass(1, &mut inner, &mut outer, HOUR).await, Err(Broken::To));
    }

    /// A connection of TCP, both ends.
    async fn socket() -> (TcpStream, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn what_is_long_goes_through_the_kernel_whole_and_each_direction_ends_by_itself() {
        let ((mut client, inner), (outer, mut server)) = (socket().await, socket().await);
        let joined = tokio::spawn(spliced((b"early".to_vec(), inner), (vec![], outer), HOUR));
        let bytes: Vec<u8> = (0..9_000_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        let sent = bytes.clone();
        let asking = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answered = Vec::new();
            client.read_to_end(&mut answered).await.unwrap();
            answered
        });
        let mut first = vec![0; 5];
        server.read_exact(&mut first).await.unwrap();
        // nobody reads for a moment: what fills up waits, and nothing of it is lost
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut asked = Vec::new();
        server.read_to_end(&mut asked).await.unwrap();
        assert!(first == b"early" && asked == bytes);
        server.write_all(&bytes[..3_000_000]).await.unwrap();
        drop(server);
        assert!(asking.await.unwrap() == bytes[..3_000_000]);
        assert_eq!(joined.await.unwrap(), Spliced { sent: 9_000_005, received: 3_000_000 });
    }

    #[tokio::test]
    async fn a_long_connection_that_waits_holds_no_pipe() {
        let ((mut client, mut inner), (mut outer, mut server)) = (socket().await, socket().await);
        let (mut way, pipes) = (Way::new(Vec::new(), u64::MAX, true), Pipes::default());
        let (bytes, holds_one) = (vec![7; 20_000_000], Notify::new());
        let through = poll_fn(|cx| match way.join(cx, &mut inner, &mut outer, &pipes) {
            Poll::Pending if way.bytes == 20_000_000 => Poll::Ready(()),
            Poll::Pending => {
                if way.pipe.is_some() {
                    holds_one.notify_one();
                }
                Poll::Pending
            }
            Poll::Ready(_) => unreachable!("it has not ended"),
        });
        let sending = client.write_all(&bytes);
        let mut got = vec![0; 20_000_000];
        let reading = async {
            let (begin, rest) = got.split_at_mut(3_000_000);
            server.read_exact(begin).await.unwrap();
            // it goes through the kernel by now, and nobody reads until the pipe is full too
            tokio::time::timeout(Duration::from_secs(60), holds_one.notified()).await.expect("it went through a pipe");
            server.read_exact(rest).await
        };
        let ((), sent, read) = tokio::join!(through, sending, reading);
        sent.unwrap();
        read.unwrap();
        assert!(way.pipe.is_none(), "it waits without one");
    }

    #[tokio::test]
    async fn a_megabyte_goes_through_both_ways_at_once() {
        let ((client, inner), (outer, server)) = (duplex(1000), duplex(3000));
        let joined = tokio::spawn(spliced((vec![], inner), (vec![], outer), HOUR));
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
