//! The head of a server's answer: how long its body is, and whether the connection lasts.

use super::body::Framing;
use super::head::{mentions, number, values};

/// An answer of which the head has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) keeps: bool,
}

impl Head {
    /// Reads a head, to its empty line; `None` if it can be read in more than one way, or in none.
    pub(super) fn read(head: &[u8], head_only: bool) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 256];
        let mut parsed = httparse::Response::new(&mut headers);
        let whole = parsed.parse(head).is_ok_and(|read| read == httparse::Status::Complete(head.len()));
        let (true, Some(status), Some(version)) = (whole, parsed.code, parsed.version) else { return None };
        let headers = &*parsed.headers;
        let codings: Vec<_> = values(headers, "transfer-encoding").collect();
        let lengths: Vec<_> = values(headers, "content-length").collect();
        let framing = match (&codings[..], &lengths[..]) {
            _ if head_only || matches!(status, 100..200 | 204 | 304) => Framing::Empty,
            ([], []) => Framing::ToEnd,
            ([], [length, others @ ..]) if others.iter().all(|other| other == length) => {
                Framing::Length(number(length)?)
            }
            ([coding], []) if version == 1 && coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            _ => return None,
        };
        let keeps = version == 1 && framing != Framing::ToEnd && !mentions(headers, "connection", "close");
        Some(Self { status, framing, keeps })
    }

    /// Whether another answer follows to the same request.
    pub(super) fn is_interim(self) -> bool {
        matches!(self.status, 100..200) && self.status != 101
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(head: &str, head_only: bool) -> Option<(Framing, bool)> {
        Head::read(head.replace('\n', "\r\n").as_bytes(), head_only).map(|head| (head.framing, head.keeps))
    }

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        for (head, head_only, want) in [
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\n", false, (Framing::Length(5), true)),
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\n", true, (Framing::Empty, true)),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5\n\n", false, (Framing::Length(5), true)),
            ("HTTP/1.1 200\nTransfer-Encoding: chunked\n\n", false, (Framing::Chunked, true)),
            ("HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", false, (Framing::Empty, true)),
            ("HTTP/1.1 204 No Content\nConnection: close\n\n", false, (Framing::Empty, false)),
            ("HTTP/1.1 200 OK\n\n", false, (Framing::ToEnd, false)),
            ("HTTP/1.0 200 OK\nContent-Length: 5\n\n", false, (Framing::Length(5), false)),
        ] {
            assert_eq!(read(head, head_only), Some(want), "{head}");
        }
    }

    #[test]
    fn an_answer_with_two_lengths_is_none() {
        for head in [
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n",
            "HTTP/1.1 200 OK\nContent-Length: x\n\n",
            "HTTP/1.1 200 OK\n Content-Length: 1\n\n",
            "220 mail.example ESMTP\n\n",
        ] {
            assert_eq!(read(head, false), None, "{head}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(head: Vec<u8>, head_only: bool) {
            let _ = Head::read(&head, head_only);
        }
    }
}
