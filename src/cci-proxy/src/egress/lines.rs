//! Heads and lines of HTTP/1 as they come, bounded, and in one form only: a line ends with CR and LF.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Why no head or line comes.
#[derive(Debug)]
pub(super) enum Unread {
    /// The other end has gone, or said nothing for too long.
    Gone,
    /// It is too long.
    TooLarge,
    /// A line ends in LF alone: others would read on where this ends.
    BareLineFeed,
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Reads a head, to its empty line; `None` if the other end is done. Empty lines before it are skipped, as they have
/// to be.
pub(super) async fn head(from: &mut (impl AsyncBufRead + Unpin), limit: usize) -> Result<Option<Vec<u8>>, Unread> {
    let mut head = Vec::new();
    let mut skipped = 0;
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            return if head.is_empty() { Ok(None) } else { Err(Unread::Gone) };
        }
        let (used, done) = take(&mut head, chunk, &mut skipped, limit)?;
        from.consume(used);
        if done {
            return Ok(Some(head));
        }
    }
}

/// Takes bytes until the head is whole; how many, and whether it is.
fn take(head: &mut Vec<u8>, chunk: &[u8], skipped: &mut usize, limit: usize) -> Result<(usize, bool), Unread> {
    for (at, byte) in chunk.iter().enumerate() {
        if *byte == b'\n' && head.last() != Some(&b'\r') {
            return Err(Unread::BareLineFeed);
        }
        head.push(*byte);
        if head.ends_with(b"\r\n\r\n") {
            return Ok((at + 1, true));
        }
        if *head == b"\r\n" {
            head.clear();
            *skipped += 2;
        }
        if head.len() + *skipped > limit {
            return Err(Unread::TooLarge);
        }
    }
    Ok((chunk.len(), false))
}

/// Reads a line, without its end.
pub(super) async fn line(from: &mut (impl AsyncBufRead + Unpin), limit: usize) -> Result<Vec<u8>, Unread> {
    let mut line = Vec::new();
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            return Err(Unread::Gone);
        }
        let end = memchr::memchr(b'\n', chunk);
        let used = end.map_or(chunk.len(), |end| end + 1);
        if line.len() + used > limit {
            return Err(Unread::TooLarge);
        }
        line.extend_from_slice(&chunk[..used]);
        from.consume(used);
        if end.is_some() {
            return match line.strip_suffix(b"\r\n") {
                Some(text) if !text.contains(&b'\r') => Ok(text.to_vec()),
                _ => Err(Unread::BareLineFeed),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    async fn heads(bytes: &[u8], capacity: usize) -> Vec<Result<Option<Vec<u8>>, Unread>> {
        let mut from = BufReader::with_capacity(capacity, bytes);
        vec![head(&mut from, 40).await, head(&mut from, 40).await]
    }

    #[tokio::test]
    async fn heads_are_cut_at_their_empty_line_however_they_arrive() {
        for capacity in 1..30 {
            let read = heads(b"\r\n\r\nGET / HTTP/1.1\r\na: b\r\n\r\nPUT / HTTP/1.1\r\n\r\n", capacity).await;
            let text: Vec<_> =
                read.into_iter().map(|head| String::from_utf8(head.unwrap().unwrap()).unwrap()).collect();
            assert_eq!(text, ["GET / HTTP/1.1\r\na: b\r\n\r\n", "PUT / HTTP/1.1\r\n\r\n"]);
        }
    }

    #[tokio::test]
    async fn a_head_is_bounded_and_has_one_kind_of_line_end() {
        let first = async |bytes: &[u8]| heads(bytes, 8).await.remove(0);
        assert!(matches!(first(&[b'a'; 50]).await, Err(Unread::TooLarge)));
        assert!(matches!(first(&b"\r\n".repeat(30)).await, Err(Unread::TooLarge)));
        assert!(matches!(first(b"GET / HTTP/1.1\na: b\r\n\r\n").await, Err(Unread::BareLineFeed)));
        assert!(matches!(first(b"GET / HT").await, Err(Unread::Gone)));
        assert!(matches!(first(b"").await, Ok(None)));
    }

    #[tokio::test]
    async fn a_line_too() {
        let read = async |bytes: &'static [u8]| line(&mut BufReader::with_capacity(3, bytes), 10).await;
        assert_eq!(read(b"5;a=b\r\nx").await.unwrap(), b"5;a=b");
        assert!(matches!(read(b"5\n").await, Err(Unread::BareLineFeed)));
        assert!(matches!(read(b"5\r5\r\n").await, Err(Unread::BareLineFeed)));
        assert!(matches!(read(b"5555555555\r\n").await, Err(Unread::TooLarge)));
        assert!(matches!(read(b"5").await, Err(Unread::Gone)));
    }
}
