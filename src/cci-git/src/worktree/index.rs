//! The index of a worktree, as git reads it (versions 2 and 3) and as it is written for a new one.

use crate::error::Result as Done;
use crate::hash::Hashing;
use crate::id::Id;

use super::fault::{Fault, Result};

/// A name in the index is longer than this many bytes: the field for it is full.
const LONG: usize = 0xfff;
/// How many bytes an entry has before its name.
const FIXED: usize = 62;
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;
const SKIPPED: u16 = 0x4000;

/// What the file system says of a file, as far as git remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    pub(super) ctime: (u32, u32),
    pub(super) mtime: (u32, u32),
    pub(super) device: u32,
    pub(super) inode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u32,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) id: Id,
    pub(super) seen: Seen,
    /// Whether it is left out of the worktree.
    pub(super) skipped: bool,
}

/// The bytes of an index with these entries, which this puts in order.
pub(super) fn encode(entries: &mut [Entry]) -> Done<Vec<u8>> {
    entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let version: u32 = if entries.iter().any(|entry| entry.skipped) { 3 } else { 2 };
    let mut out = b"DIRC".to_vec();
    out.extend(version.to_be_bytes());
    out.extend(u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    for entry in entries.iter() {
        append(entry, &mut out);
    }
    let mut checksum = Hashing::plain();
    checksum.update(&out);
    out.extend_from_slice(checksum.finish()?.bytes());
    Ok(out)
}

fn append(entry: &Entry, out: &mut Vec<u8>) {
    let (start, seen) = (out.len(), &entry.seen);
    let words = [
        seen.ctime.0,
        seen.ctime.1,
        seen.mtime.0,
        seen.mtime.1,
        seen.device,
        seen.inode,
        entry.mode,
        seen.uid,
        seen.gid,
        seen.size,
    ];
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    out.extend_from_slice(entry.id.bytes());
    let length = u16::try_from(entry.path.len().min(LONG)).unwrap_or_default();
    out.extend((length | if entry.skipped { EXTENDED } else { 0 }).to_be_bytes());
    if entry.skipped {
        out.extend(SKIPPED.to_be_bytes());
    }
    out.extend_from_slice(&entry.path);
    // at least one zero, up to a multiple of eight
    let length = out.len() - start;
    out.resize(start + (length / 8 + 1) * 8, 0);
}

/// The entries of an index, of which each file is there once; extensions that only save time are left out.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Entry>> {
    let damaged = || Fault::Damaged { what: "the index" };
    let end = bytes.len().checked_sub(Id::LEN).ok_or_else(damaged)?;
    let body = &bytes[..end];
    let head = body.get(..12).filter(|head| head.starts_with(b"DIRC")).ok_or_else(damaged)?;
    if !matches!(head[7], 2 | 3) || head[4..7] != [0; 3] {
        return Err(Fault::Damaged { what: "the index, which is of a version that cci does not read," });
    }
    let count = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let (mut at, mut entries) = (12, Vec::new());
    for _ in 0..count {
        let (entry, length) = body.get(at..).and_then(one).ok_or_else(damaged)?;
        entries.push(entry.ok_or(Fault::Damaged { what: "the index, in which a merge is unfinished," })?);
        at += length;
    }
    while let Some(name) = body.get(at..at + 4) {
        // the others are split or sparse indexes, without which this one is not whole
        if !name[0].is_ascii_uppercase() {
            return Err(Fault::Damaged { what: "the index, which has parts that cci does not read," });
        }
        let size = body.get(at + 4..at + 8).ok_or_else(damaged)?;
        at += 8 + u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize;
    }
    Ok(entries)
}

/// The first entry, if it is not one side of a merge, and how many bytes it has.
fn one(bytes: &[u8]) -> Option<(Option<Entry>, usize)> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let flags = u16::from_be_bytes(bytes.get(60..62)?.try_into().ok()?);
    let extended = flags & EXTENDED != 0;
    let more = if extended { u16::from_be_bytes(bytes.get(62..64)?.try_into().ok()?) } else { 0 };
    let start = FIXED + if extended { 2 } else { 0 };
    let length = bytes.get(start..)?.iter().position(|byte| *byte == 0)?;
    let seen = Seen {
        ctime: (word(0)?, word(4)?),
        mtime: (word(8)?, word(12)?),
        device: word(16)?,
        inode: word(20)?,
        uid: word(28)?,
        gid: word(32)?,
        size: word(36)?,
    };
    let entry = Entry {
        path: bytes[start..start + length].to_vec(),
        mode: word(24)?,
        id: Id::from_bytes(bytes.get(40..60)?)?,
        seen,
        skipped: more & SKIPPED != 0,
    };
    Some(((flags & STAGE == 0).then_some(entry), ((start + length) / 8 + 1) * 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, skipped: bool) -> Entry {
        let id = "00112233445566778899aabbccddeeff00112233".parse().unwrap();
        let seen = Seen { ctime: (1, 2), mtime: (3, 4), device: 5, inode: 6, uid: 7, gid: 8, size: 9 };
        Entry { path: path.into(), mode: 0o100_644, id, seen, skipped }
    }

    #[test]
    fn what_is_written_is_read_back_in_order() {
        let long = "l/".repeat(3000) + "x";
        for skipped in [false, true] {
            let mut entries = vec![entry("b", false), entry(&long, skipped), entry("a/b", false), entry("a.b", false)];
            let bytes = encode(&mut entries).unwrap();
            assert_eq!(decode(&bytes).unwrap(), entries);
            assert_eq!(entries[0].path, b"a.b");
        }
    }

    #[test]
    fn an_index_that_is_cut_off_or_of_another_kind_is_refused() {
        let bytes = encode(&mut [entry("a", false)]).unwrap();
        for cut in [0, 11, 40, 80] {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut split = bytes[..bytes.len() - Id::LEN].to_vec();
        split.extend(b"link\0\0\0\0");
        split.extend([0; Id::LEN]);
        assert!(decode(&split).is_err());
    }
}
