//! The body of a request or an answer, passed on to its end and not further.

use std::io;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};

use super::limits::IDLE;
use super::lines::{Unread, line};
use super::splice::{Broken, pass};

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
    /// To the end of the connection.
    ToEnd,
}

/// A line before a chunk; extensions have no use.
const SIZE: usize = 1024;
/// The headers behind a chunked body.
const TRAILERS: usize = 16 * 1024;

impl From<Unread> for Broken {
    fn from(_: Unread) -> Self {
        Self::From
    }
}

/// Passes a body on; how many bytes of content it had.
pub(super) async fn relay<R, W>(framing: Framing, from: &mut R, to: &mut W) -> Result<u64, Broken>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    match framing {
        Framing::Empty => Ok(0),
        Framing::Length(length) => exactly(length, from, to).await.map(|()| length),
        Framing::Chunked => chunks(from, to).await,
        Framing::ToEnd => pass(u64::MAX, from, to, IDLE).await,
    }
}

async fn exactly<R, W>(length: u64, from: &mut R, to: &mut W) -> Result<(), Broken>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let passed = pass(length, from, to, IDLE).await?;
    if passed == length { Ok(()) } else { Err(Broken::From) }
}

/// Each chunk is written anew with its size and nothing else: there is one way to read it.
async fn chunks<R, W>(from: &mut R, to: &mut W) -> Result<u64, Broken>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut total = 0u64;
    loop {
        let size = size(&within(line(from, SIZE)).await?).ok_or(Broken::From)?;
        write(to, format!("{size:x}\r\n").as_bytes()).await?;
        if size == 0 {
            trailers(from, to).await?;
            return Ok(total);
        }
        exactly(size, from, to).await?;
        if !within(line(from, 2)).await?.is_empty() {
            return Err(Broken::From);
        }
        write(to, b"\r\n").await?;
        total = total.saturating_add(size);
    }
}

async fn trailers<R, W>(from: &mut R, to: &mut W) -> Result<(), Broken>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut left = TRAILERS;
    loop {
        let trailer = within(line(from, left)).await?;
        left -= trailer.len().min(left);
        if !trailer.is_empty() && !is_plain(&trailer) {
            return Err(Broken::From);
        }
        write(to, &trailer).await?;
        write(to, b"\r\n").await?;
        if trailer.is_empty() {
            return Ok(());
        }
    }
}

/// Whether a line is a header, and none of those that say where a message goes or ends: a server could add it to the others.
fn is_plain(line: &[u8]) -> bool {
    const FIRST: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];
    let (head, mut headers) = ([line, b"\r\n\r\n"].concat(), [httparse::EMPTY_HEADER; 1]);
    match httparse::parse_headers(&head, &mut headers) {
        Ok(httparse::Status::Complete((_, [header]))) => {
            FIRST.iter().all(|first| !header.name.eq_ignore_ascii_case(first))
        }
        _ => false,
    }
}

/// The size of a chunk: hexadecimal digits, and perhaps an extension.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    let is_size = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    is_size.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Broken> {
    let write = async {
        to.write_all(bytes).await?;
        to.flush().await
    };
    within(write).await.map_err(|_| Broken::To)
}

/// Waits as long as a connection may carry nothing.
pub(super) async fn within<T, E: From<io::Error>>(wait: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(IDLE, wait).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;

    async fn relayed(framing: Framing, bytes: &[u8]) -> (Result<u64, Broken>, String, usize) {
        let (mut from, mut to) = (BufReader::with_capacity(5, bytes), Vec::new());
        let result = relay(framing, &mut from, &mut to).await;
        let mut rest = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut from, &mut rest).await.unwrap();
        (result, String::from_utf8(to).unwrap(), rest.len())
    }

    #[tokio::test]
    async fn a_body_is_passed_on_to_its_end_and_not_further() {
        let whole = async |framing, bytes: &[u8]| {
            let (result, to, rest) = relayed(framing, bytes).await;
            (result.unwrap(), to, rest)
        };
        assert_eq!(whole(Framing::Length(3), b"abcGET").await, (3, "abc".into(), 3));
        assert_eq!(whole(Framing::Empty, b"GET").await, (0, String::new(), 3));
        assert_eq!(whole(Framing::ToEnd, b"abcdefgh").await, (8, "abcdefgh".into(), 0));
        let chunked = b"3;x=\"y\"\r\nabc\r\n0A\r\n0123456789\r\n000\r\nT: u\r\n\r\nGET";
        assert_eq!(
            whole(Framing::Chunked, chunked).await,
            (13, "3\r\nabc\r\na\r\n0123456789\r\n0\r\nT: u\r\n\r\n".into(), 3)
        );
    }

    #[tokio::test]
    async fn chunks_that_others_could_read_differently_break_it_off() {
        for chunks in [
            "3\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "-1\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n0\r\nT: u\n\r\n",
            "0\r\nHost: b.example\r\n\r\n",
            "0\r\nTransfer-encoding: chunked\r\n\r\n",
            "0\r\nGET / HTTP/1.1\r\n\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nT: u\0\r\n\r\n",
            "3\r\nabc\r\n",
        ] {
            let (result, ..) = relayed(Framing::Chunked, chunks.as_bytes()).await;
            assert!(matches!(result, Err(Broken::From)), "{chunks:?}");
        }
        assert!(matches!(relayed(Framing::Length(9), b"abc").await.0, Err(Broken::From)));
    }

    #[tokio::test]
    async fn trailers_are_bounded() {
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(5000));
        assert!(matches!(relayed(Framing::Chunked, endless.as_bytes()).await.0, Err(Broken::From)));
    }

    /// Bodies in chunks: whole ones, and what comes of any mixture of their parts.
    fn chunked() -> impl Strategy<Value = String> {
        let whole = prop::collection::vec(("[a-z\r\n:;]{1,40}", "(;[a-z]{1,5})?"), 0..5).prop_map(|chunks| {
            let chunks = chunks.iter().map(|(data, more)| format!("{:X}{more}\r\n{data}\r\n", data.len()));
            chunks.collect::<String>() + "00\r\nT: u\r\n\r\n"
        });
        prop_oneof![whole, "([0-9a-f]{1,2}(;x)?\r\n|[a-z\r\n]{0,6}|0\r\n\r\n|T: u\r\n){0,8}"]
    }

    proptest! {
        #[test]
        fn what_is_passed_on_has_one_meaning(bytes in chunked()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let (result, to, _) = runtime.block_on(relayed(Framing::Chunked, bytes.as_bytes()));
            if let Ok(total) = result {
                let (again, as_it_is, rest) = runtime.block_on(relayed(Framing::Chunked, to.as_bytes()));
                prop_assert_eq!((again, as_it_is, rest), (Ok(total), to, 0));
            }
        }
    }
}
