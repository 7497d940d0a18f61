//! The blocks of a tar archive: how one entry is announced. GNU's format, which keeps every name, size and hole.

/// The unit of the format in bytes.
pub const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A regular file with holes: a map says where its content is.
    Sparse,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier file.
    HardLink,
    /// The content is the name of the next entry.
    LongName,
    /// The content is the link target of the next entry.
    LongLink,
    /// Records for the next entry.
    Extended,
    /// Records for all entries.
    Global,
    /// A device, a pipe or something unknown.
    Other,
}

impl Kind {
    fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::Directory => b'5',
            Self::Sparse => b'S',
            Self::LongName => b'L',
            Self::LongLink => b'K',
            Self::Extended => b'x',
            Self::Global => b'g',
            Self::Other => b'6',
        }
    }

    fn of(flag: u8) -> Self {
        match flag {
            b'0' | 0 | b'7' => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Symlink,
            b'5' => Self::Directory,
            b'S' => Self::Sparse,
            b'L' => Self::LongName,
            b'K' => Self::LongLink,
            b'x' => Self::Extended,
            b'g' => Self::Global,
            _ => Self::Other,
        }
    }
}

/// One entry as it is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// Its name, as bytes.
    pub path: Vec<u8>,
    /// What it links to.
    pub link: Vec<u8>,
    /// Permission bits, set-id bits included.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Bytes of content that follow.
    pub size: u64,
    /// For a sparse file: its size with the holes.
    pub real_size: u64,
    /// For a sparse file: pieces of content as (offset, length).
    pub map: Vec<(u64, u64)>,
    /// Whether a block with more of the map follows.
    pub map_goes_on: bool,
}

/// A piece of a sparse file's map takes so many bytes.
const PIECE: usize = 24;
/// Where the map, the mark that it goes on, and the full size stand in a header.
const MAP: (usize, usize, usize, usize) = (386, 4, 482, 483);
/// How many pieces a further block of the map holds.
const PIECES_BEHIND: usize = 21;

/// The blocks that announce an entry, those of a long name before it and of a long map behind it included.
#[must_use]
pub fn encode(header: &Header) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(BLOCK);
    for (kind, text) in [(Kind::LongLink, &header.link), (Kind::LongName, &header.path)] {
        if text.len() > 100 {
            let size = text.len() as u64 + 1;
            blocks.extend(block(kind, b"././@LongLink", b"", size, header));
            blocks.extend(text);
            blocks.resize((blocks.len() + 1).next_multiple_of(BLOCK), 0);
        }
    }
    let mut main = block(header.kind, &header.path, &header.link, header.size, header);
    if header.kind != Kind::Sparse {
        blocks.extend(main);
        return blocks;
    }
    let (at, first, goes_on, real) = MAP;
    let (head, tail) = header.map.split_at(header.map.len().min(first));
    put_map(&mut main, at, head);
    put(&mut main, goes_on, &[u8::from(!tail.is_empty())]);
    put(&mut main, real, &number(header.real_size, 12));
    seal(&mut main);
    blocks.extend(main);
    let mut rest = tail.chunks(PIECES_BEHIND).peekable();
    while let Some(pieces) = rest.next() {
        let mut more = [0; BLOCK];
        put_map(&mut more, 0, pieces);
        put(&mut more, PIECE * PIECES_BEHIND, &[u8::from(rest.peek().is_some())]);
        blocks.extend(more);
    }
    blocks
}

fn block(kind: Kind, path: &[u8], link: &[u8], size: u64, header: &Header) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, path.get(..100).unwrap_or(path));
    put(&mut block, 100, &number((header.mode & 0o7777).into(), 8));
    put(&mut block, 108, &number(header.uid, 8));
    put(&mut block, 116, &number(header.gid, 8));
    put(&mut block, 124, &number(size, 12));
    put(&mut block, 136, &number(u64::try_from(header.mtime).unwrap_or(0), 12));
    put(&mut block, 156, &[kind.flag()]);
    put(&mut block, 157, link.get(..100).unwrap_or(link));
    put(&mut block, 257, b"ustar  \0");
    seal(&mut block);
    block
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

fn put_map(block: &mut [u8; BLOCK], at: usize, pieces: &[(u64, u64)]) {
    for (n, (offset, length)) in pieces.iter().enumerate() {
        put(block, at + n * PIECE, &number(*offset, 12));
        put(block, at + n * PIECE + 12, &number(*length, 12));
    }
}

/// Octal digits, or big-endian bytes behind a mark where they do not fit.
fn number(value: u64, width: usize) -> Vec<u8> {
    let octal = format!("{value:0>digits$o}\0", digits = width - 1);
    if octal.len() == width {
        return octal.into_bytes();
    }
    let mut binary = vec![0; width.saturating_sub(8)];
    binary.extend(value.to_be_bytes());
    // where eight bytes are all there is, none of these values reaches the mark
    if let Some(first) = binary.first_mut() {
        *first |= 0x80;
    }
    binary
}

fn seal(block: &mut [u8; BLOCK]) {
    put(block, 148, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(block, 148, format!("{sum:06o}\0 ").as_bytes());
}

/// Reads one header block; `None` where it is none.
#[must_use]
pub fn decode(block: &[u8; BLOCK]) -> Option<Header> {
    let sum: u64 =
        block.iter().enumerate().map(|(n, byte)| u64::from(if (148..156).contains(&n) { b' ' } else { *byte })).sum();
    if value(block.get(148..156)?)? != sum {
        return None;
    }
    let kind = Kind::of(block[156]);
    let mut path = text(block.get(..100)?);
    let prefix = text(block.get(345..500)?);
    let posix = block.get(257..263)? == b"ustar\0";
    if posix && !prefix.is_empty() {
        path = [prefix, b"/".to_vec(), path].concat();
    }
    let sparse = kind == Kind::Sparse;
    let (at, pieces, goes_on, real) = MAP;
    Some(Header {
        kind,
        path,
        link: text(block.get(157..257)?),
        mode: u32::try_from(value(block.get(100..108)?)? & 0o7777).ok()?,
        uid: value(block.get(108..116)?)?,
        gid: value(block.get(116..124)?)?,
        mtime: i64::try_from(value(block.get(136..148)?)?).ok()?,
        size: value(block.get(124..136)?)?,
        real_size: if sparse { value(block.get(real..real + 12)?)? } else { 0 },
        map: if sparse { pieces_of(block.get(at..at + pieces * PIECE)?)? } else { Vec::new() },
        map_goes_on: sparse && block[goes_on] != 0,
    })
}

/// Reads a further block of a sparse file's map: its pieces, and whether another block follows.
#[must_use]
pub fn more_of_map(block: &[u8; BLOCK]) -> Option<(Vec<(u64, u64)>, bool)> {
    Some((pieces_of(block.get(..PIECE * PIECES_BEHIND)?)?, block[PIECE * PIECES_BEHIND] != 0))
}

fn pieces_of(bytes: &[u8]) -> Option<Vec<(u64, u64)>> {
    let used = bytes.chunks_exact(PIECE).take_while(|piece| piece[0] != 0);
    used.map(|piece| Some((value(piece.get(..12)?)?, value(piece.get(12..)?)?))).collect()
}

/// Text up to the first zero.
fn text(field: &[u8]) -> Vec<u8> {
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

/// A number as [`number`] writes it, with the blanks that others write; a negative one counts as zero.
fn value(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => {
            let (high, low) = field.split_at(field.len().saturating_sub(8));
            let zero = high.iter().skip(1).all(|byte| *byte == 0);
            let low: [u8; 8] = low.try_into().ok()?;
            // in an eight byte field the mark is part of the number's first byte
            let mask = if high.is_empty() { u64::MAX >> 1 } else { u64::MAX };
            zero.then_some(u64::from_be_bytes(low) & mask)
        }
        0xff => Some(0),
        _ => {
            let digits = field.iter().copied().skip_while(|byte| *byte == b' ');
            let digits = digits.take_while(|byte| !matches!(byte, 0 | b' '));
            digits.into_iter().try_fold(0_u64, |sum, digit| match digit {
                b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
                _ => None,
            })
        }
    }
}

/// The records of an extended header, as (key, value).
#[must_use]
pub fn records(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some((record, rest)) = record(bytes) {
        records.push(record);
        bytes = rest;
    }
    records
}

/// A key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// `LENGTH KEY=VALUE\n`, and what is behind it.
fn record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let body = bytes.get(blank + 1..length.checked_sub(1)?)?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some(((body.get(..equals)?, body.get(equals + 1..)?), bytes.get(length..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(path: &[u8]) -> Header {
        Header {
            kind: Kind::File,
            path: path.to_vec(),
            link: Vec::new(),
            mode: 0o4755,
            uid: 1000,
            gid: 4_000_000,
            mtime: 1_700_000_000,
            size: 5 << 40,
            real_size: 0,
            map: Vec::new(),
            map_goes_on: false,
        }
    }

    fn block_at(bytes: &[u8], number: usize) -> [u8; BLOCK] {
        bytes[number * BLOCK..][..BLOCK].try_into().unwrap()
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let header = plain(b"./a\n\xff");
        let blocks = encode(&header);
        assert_eq!(blocks.len(), BLOCK);
        assert_eq!(decode(&block_at(&blocks, 0)), Some(header));
    }

    #[test]
    fn a_long_name_comes_before_its_entry_and_ends_with_a_zero() {
        for length in [101, 511, 512, 513] {
            let header = plain(&vec![b'n'; length]);
            let blocks = encode(&header);
            let first = decode(&block_at(&blocks, 0)).unwrap();
            assert_eq!((first.kind, first.size), (Kind::LongName, length as u64 + 1));
            assert_eq!(&blocks[BLOCK..BLOCK + length], header.path.as_slice());
            assert_eq!(blocks[BLOCK + length], 0);
            let behind = BLOCK + usize::try_from(first.size).unwrap().next_multiple_of(BLOCK);
            assert_eq!(blocks.len(), behind + BLOCK);
            assert_eq!(decode(&block_at(&blocks, behind / BLOCK)).unwrap().size, 5 << 40);
        }
    }

    #[test]
    fn a_map_of_many_pieces_goes_on_behind_the_header() {
        let map: Vec<(u64, u64)> = (0..50).map(|n| (n * 8192, 4096)).collect();
        let blocks = encode(&Header { kind: Kind::Sparse, map: map.clone(), real_size: 1 << 50, ..plain(b"s") });
        let head = decode(&block_at(&blocks, 0)).unwrap();
        assert_eq!((head.real_size, head.map_goes_on), (1 << 50, true));
        let (mut read, mut goes_on, mut at) = (head.map, true, 1);
        while goes_on {
            let (more, on) = more_of_map(&block_at(&blocks, at)).unwrap();
            read.extend(more);
            (goes_on, at) = (on, at + 1);
        }
        assert_eq!(read, map);
        assert_eq!(at * BLOCK, blocks.len());
    }

    #[test]
    fn records_are_read_until_they_make_no_sense() {
        let two = b"13 path=a=b\n.\n".as_slice();
        assert_eq!(records(b"12 path=abc\n11 size=12\n"), [(&b"path"[..], &b"abc"[..]), (b"size", b"12")]);
        assert_eq!(records(two), [(&b"path"[..], &b"a=b\n"[..])]);
        assert_eq!(records(b"999 path=a\n"), []);
        assert_eq!(records(b"0 =\n"), []);
    }

    #[test]
    fn a_block_with_a_wrong_sum_is_no_header() {
        let mut block = block_at(&encode(&plain(b"a")), 0);
        block[0] = b'b';
        assert_eq!(decode(&block), None);
    }

    proptest! {
        #[test]
        fn no_block_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), BLOCK..=BLOCK)) {
            let mut block: [u8; BLOCK] = bytes.try_into().unwrap();
            seal(&mut block);
            let _ = (decode(&block), more_of_map(&block));
        }
    }
}
