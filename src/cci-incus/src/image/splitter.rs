//! Splits a body of several files as it arrives.

use super::multipart::Boundary;

/// A step in reading a body of several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A file begins.
    Part(String),
    /// More of the file.
    Data(Vec<u8>),
}

/// The state of a splitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first boundary, or within a file.
    Content,
    /// Right after a boundary.
    Boundary,
    /// In the header lines of a file.
    Head,
    /// After the last boundary.
    Done,
}

/// Splits a body as it arrives, whatever the size of its chunks.
pub(super) struct Splitter {
    delimiter: Vec<u8>,
    held: Vec<u8>,
    stage: Stage,
}

/// More bytes than this cannot be the header of a file.
const LARGEST_HEAD: usize = 16 * 1024;

impl Splitter {
    pub(super) fn new(boundary: &Boundary) -> Self {
        // the first boundary has no line before it: pretend that there is one
        Self { delimiter: boundary.delimiter(), held: b"\r\n".to_vec(), stage: Stage::Content }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// Whether the last boundary has been read.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The next piece; `None` if more input is needed first.
    pub(super) fn piece(&mut self) -> Result<Option<Piece>, &'static str> {
        loop {
            match self.stage {
                Stage::Content => {
                    if let Some(end) = position(&self.held, &self.delimiter) {
                        let data = self.take(end, self.delimiter.len());
                        self.stage = Stage::Boundary;
                        if !data.is_empty() {
                            return Ok(Some(Piece::Data(data)));
                        }
                    } else {
                        // the start of a boundary may be at the end
                        let safe = (self.held.len() + 1).saturating_sub(self.delimiter.len());
                        let data = self.take(safe, 0);
                        return Ok((!data.is_empty()).then_some(Piece::Data(data)));
                    }
                }
                Stage::Boundary => match self.held.get(..2) {
                    None => return Ok(None),
                    Some(b"--") => self.stage = Stage::Done,
                    Some(b"\r\n") => self.stage = Stage::Head,
                    Some(_) => {
                        return Err("a boundary is followed by something else than a line's end");
                    }
                },
                Stage::Head => match position(&self.held, b"\r\n\r\n") {
                    Some(end) => {
                        let head = self.take(end, 4);
                        self.stage = Stage::Content;
                        return part_name(&head).map(|name| Some(Piece::Part(name))).ok_or("a part has no name");
                    }
                    None if self.held.len() > LARGEST_HEAD => {
                        return Err("the head of a part has no end");
                    }
                    None => return Ok(None),
                },
                Stage::Done => return Ok(None),
            }
        }
    }

    /// Removes `length` bytes and returns them, and removes `behind` more.
    fn take(&mut self, length: usize, behind: usize) -> Vec<u8> {
        let rest = self.held.split_off((length + behind).min(self.held.len()));
        let mut taken = std::mem::replace(&mut self.held, rest);
        taken.truncate(length);
        taken
    }
}

fn position(held: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    while let Some(offset) = held.get(from..)?.iter().position(|byte| byte == first) {
        let at = from + offset;
        if held.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn part_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = line.split(';').find_map(|field| field.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a body in chunks and joins what comes out.
    fn parts_of(body: &[u8], chunk: usize) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
        let mut splitter = Splitter::new(&Boundary::named("b"));
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        for chunk in body.chunks(chunk) {
            splitter.feed(chunk);
            while let Some(piece) = splitter.piece()? {
                match (piece, parts.last_mut()) {
                    (Piece::Part(name), _) => parts.push((name, Vec::new())),
                    (Piece::Data(bytes), Some(part)) => part.1.extend(bytes),
                    (Piece::Data(_), None) => {}
                }
            }
        }
        if splitter.is_done() { Ok(parts) } else { Err("not done") }
    }

    proptest! {
        #[test]
        fn files_come_out_as_they_went_in(
            first in "([a\r\n-]|--b|\r\n--)*",
            second in proptest::collection::vec(any::<u8>(), 0..64),
            chunk in 1_usize..40,
        ) {
            prop_assume!(!first.contains("\r\n--b") && position(&second, b"\r\n--b").is_none());
            let boundary = Boundary::named("b");
            let mut body = boundary.begin("metadata").into_bytes();
            body.extend(first.as_bytes());
            body.extend(boundary.next("rootfs").as_bytes());
            body.extend(&second);
            body.extend(boundary.end().as_bytes());
            let parts = vec![("metadata".to_owned(), first.into_bytes()), ("rootfs".to_owned(), second)];
            prop_assert_eq!(parts_of(&body, chunk), Ok(parts));
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..128), chunk in 1_usize..40) {
            let _ = parts_of(&body, chunk);
            let _ = parts_of(&[b"--b\r\n".as_slice(), &body].concat(), chunk);
        }
    }
}
