//! A stand-in for an agent's API on loopback, and a client that asks it without anything in between.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How much a stream has, in bytes.
pub(super) const STREAM: usize = 300_000_000;
/// How many events a paced answer has, and how long it waits before each.
const EVENTS: usize = 10;
const PACE: Duration = Duration::from_millis(100);
/// A piece of an answer, as a model writes it.
const EVENT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":\
    {\"type\":\"text_delta\",\"text\":\"some words of an answer\"}}\n\n";
/// How much is written at once.
const PIECE: usize = 256 * 1024;

/// What is asked for, by the model that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A short answer.
    Short,
    /// [`STREAM`] bytes.
    Stream,
    /// Events at intervals, as a model writes.
    Paced,
}

impl Answer {
    /// The body of a request for it.
    pub(super) fn asked(self) -> &'static str {
        match self {
            Self::Short => r#"{"model":"short"}"#,
            Self::Stream => r#"{"model":"stream"}"#,
            Self::Paced => r#"{"model":"paced"}"#,
        }
    }

    fn of(body: &[u8]) -> Self {
        [Self::Stream, Self::Paced].into_iter().find(|one| body == one.asked().as_bytes()).unwrap_or(Self::Short)
    }
}

/// A running stub; dropping it ends it.
pub(super) struct Stub {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Stub {
    /// Listens on a port of loopback that is free.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // whoever leaves early is no concern of the others
                tokio::spawn(async { serve(stream).await.ok() });
            }
        });
        Ok(Self { address, serving })
    }

    /// Its address as a URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it, on a connection of its own; how long the first byte took, and the whole.
    pub(super) async fn asked(&self, answer: Answer) -> io::Result<(Duration, Duration)> {
        let mut stream = BufReader::with_capacity(PIECE, TcpStream::connect(self.address).await?);
        stream.get_ref().set_nodelay(true)?;
        let body = answer.asked();
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        stream.fill_buf().await?;
        let first = began.elapsed();
        while !stream.fill_buf().await?.is_empty() {
            let read = stream.buffer().len();
            stream.consume(read);
        }
        Ok((first, began.elapsed()))
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some((body, closes)) = request(&mut stream).await? {
        answer(&mut stream, Answer::of(&body)).await?;
        if closes {
            break;
        }
    }
    Ok(())
}

/// The body of the next request, and whether it is the last of the connection; none at its end.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(Vec<u8>, bool)>> {
    let (mut length, mut closes) = (0, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("content-length", value)) => length = value.parse().unwrap_or_default(),
            Some(("connection", "close")) => closes = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((body, closes)))
}

async fn answer(stream: &mut BufReader<TcpStream>, answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Short => {
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).await?;
        }
        Answer::Stream => {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {STREAM}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let piece = EVENT.repeat(PIECE / EVENT.len());
            let mut left = STREAM;
            while left > 0 {
                let now = left.min(piece.len());
                stream.write_all(&piece.as_bytes()[..now]).await?;
                left -= now;
            }
        }
        Answer::Paced => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..EVENTS {
                sleep(PACE).await;
                stream.write_all(b"6\r\n: now\n\r\n").await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
    }
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_gets_the_answer_that_it_names() {
        let stub = Stub::start().await.unwrap();
        for answer in [Answer::Short, Answer::Stream, Answer::Paced] {
            assert_eq!(Answer::of(answer.asked().as_bytes()), answer);
        }
        let (first, whole) = stub.asked(Answer::Paced).await.unwrap();
        assert!(whole >= PACE * u32::try_from(EVENTS).unwrap() && first < whole, "{first:?} {whole:?}");
        stub.asked(Answer::Short).await.unwrap();
    }
}
