//! The header of one entry, with the blocks of a long name before it and of a long map after it.

use super::BLOCK;
use super::field::{is_sealed, number, put, seal, text, value};
use super::map::{self, InHeader, Piece};

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

    fn from_flag(flag: u8) -> Self {
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

/// The description of one entry.
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
    /// For a sparse file: where its content is.
    pub map: Vec<Piece>,
}

impl Header {
    /// An entry without content that belongs to root, was last changed in 1970, and can be read by everybody.
    #[must_use]
    pub fn new(kind: Kind, path: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            path: path.into(),
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            real_size: 0,
            map: Vec::new(),
        }
    }
}

/// A longer name comes in an entry of its own before the header.
const LONGEST_NAME: usize = 100;

/// The blocks before an entry's content.
#[must_use]
pub fn encode(header: &Header) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(BLOCK);
    for (kind, name) in [(Kind::LongLink, &header.link), (Kind::LongName, &header.path)] {
        if name.len() > LONGEST_NAME {
            let size = name.len() as u64 + 1;
            blocks.extend(block(kind, b"././@LongLink", b"", size, header));
            blocks.extend(name);
            blocks.resize((blocks.len() + 1).next_multiple_of(BLOCK), 0);
        }
    }
    let mut main = block(header.kind, &header.path, &header.link, header.size, header);
    let rest = match header.kind {
        Kind::Sparse => map::encode(&mut main, header.real_size, &header.map),
        _ => Vec::new(),
    };
    seal(&mut main);
    blocks.extend(main);
    blocks.extend(rest);
    blocks
}

fn block(kind: Kind, path: &[u8], link: &[u8], size: u64, header: &Header) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, path.get(..LONGEST_NAME).unwrap_or(path));
    put(&mut block, 100, &number((header.mode & 0o7777).into(), 8));
    put(&mut block, 108, &number(header.uid, 8));
    put(&mut block, 116, &number(header.gid, 8));
    put(&mut block, 124, &number(size, 12));
    put(&mut block, 136, &number(u64::try_from(header.mtime).unwrap_or(0), 12));
    put(&mut block, 156, &[kind.flag()]);
    put(&mut block, 157, link.get(..LONGEST_NAME).unwrap_or(link));
    put(&mut block, 257, b"ustar  \0");
    seal(&mut block);
    block
}

/// Reads one header block, and whether the map of a sparse file continues after it; `None` if it is not a header.
pub(super) fn decode(block: &[u8; BLOCK]) -> Option<(Header, bool)> {
    if !is_sealed(block) {
        return None;
    }
    let kind = Kind::from_flag(block[156]);
    let InHeader { real_size, pieces, continues } = match kind {
        Kind::Sparse => map::decode(block)?,
        _ => InHeader::default(),
    };
    let header = Header {
        kind,
        path: path(block)?,
        link: text(block.get(157..257)?),
        mode: u32::try_from(value(block.get(100..108)?)? & 0o7777).ok()?,
        uid: value(block.get(108..116)?)?,
        gid: value(block.get(116..124)?)?,
        mtime: i64::try_from(value(block.get(136..148)?)?).ok()?,
        size: value(block.get(124..136)?)?,
        real_size,
        map: pieces,
    };
    Some((header, continues))
}

/// The name; a POSIX archive has the start of a long one in a separate field.
fn path(block: &[u8; BLOCK]) -> Option<Vec<u8>> {
    let name = text(block.get(..LONGEST_NAME)?);
    let is_posix = block.get(257..263)? == b"ustar\0";
    let prefix = if is_posix { text(block.get(345..500)?) } else { Vec::new() };
    Some(if prefix.is_empty() { name } else { [prefix.as_slice(), b"/", &name].concat() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(path: &[u8]) -> Header {
        Header {
            mode: 0o4755,
            uid: 1000,
            gid: 4_000_000,
            mtime: 1_700_000_000,
            size: 5 << 40,
            ..Header::new(Kind::File, path)
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
        assert_eq!(decode(&block_at(&blocks, 0)), Some((header, false)));
    }

    #[test]
    fn a_long_name_comes_before_its_entry_and_ends_with_a_zero() {
        for length in [101, 511, 512, 513] {
            let header = plain(&vec![b'n'; length]);
            let blocks = encode(&header);
            let (first, _) = decode(&block_at(&blocks, 0)).unwrap();
            assert_eq!((first.kind, first.size), (Kind::LongName, length as u64 + 1));
            assert_eq!(&blocks[BLOCK..BLOCK + length], header.path.as_slice());
            assert_eq!(blocks[BLOCK + length], 0);
            let behind = BLOCK + usize::try_from(first.size).unwrap().next_multiple_of(BLOCK);
            assert_eq!(blocks.len(), behind + BLOCK);
            assert_eq!(decode(&block_at(&blocks, behind / BLOCK)).unwrap().0.size, 5 << 40);
        }
    }

    #[test]
    fn a_block_with_a_wrong_sum_is_no_header() {
        let mut block = block_at(&encode(&plain(b"a")), 0);
        block[0] = b'b';
        assert_eq!(decode(&block), None);
    }

    #[test]
    fn a_posix_header_has_the_beginning_of_its_name_elsewhere() {
        let mut block = block_at(&encode(&plain(b"name")), 0);
        put(&mut block, 257, b"ustar\x0000");
        put(&mut block, 345, b"a/long/way");
        seal(&mut block);
        assert_eq!(decode(&block).unwrap().0.path, b"a/long/way/name");
    }

    proptest! {
        #[test]
        fn no_block_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), BLOCK..=BLOCK)) {
            let mut block: [u8; BLOCK] = bytes.try_into().unwrap();
            seal(&mut block);
            let _ = decode(&block);
        }
    }
}
