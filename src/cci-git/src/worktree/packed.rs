//! One pack, read by positions in its file: whatever changes there while it is read changes no memory of ours.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use gix_zlib::Inflate;

use crate::id::Id;

/// What an index begins with: its mark, and version 2.
const MARK: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT: usize = MARK.len();
const IDS: usize = FANOUT + 256 * 4;
/// How many bytes the header of an object has at most.
const HEADER: usize = 64;

/// The index of a pack: which object is where.
pub(super) struct Index {
    bytes: Vec<u8>,
    count: usize,
}

impl Index {
    /// An index; nothing if its parts do not fit together.
    pub(super) fn new(bytes: Vec<u8>) -> Option<Self> {
        if !bytes.starts_with(&MARK) || bytes.len() < IDS {
            return None;
        }
        let index = Self { count: 0, bytes };
        let fan: Vec<usize> = (0..256).filter_map(|byte| index.word(FANOUT + 4 * byte)).collect();
        let count = *fan.last()?;
        let whole = count.checked_mul(Id::LEN + 8)?.checked_add(IDS + 2 * Id::LEN)? <= index.bytes.len();
        (whole && fan.is_sorted()).then_some(Self { count, ..index })
    }

    /// Where an object is, if it is there.
    pub(super) fn find(&self, id: Id) -> Option<u64> {
        let first = usize::from(id.bytes()[0]);
        let mut low = if first == 0 { 0 } else { self.word(FANOUT + 4 * (first - 1))? };
        let mut high = self.word(FANOUT + 4 * first)?;
        while low < high {
            let middle = low + (high - low) / 2;
            let at = IDS + middle * Id::LEN;
            match self.bytes.get(at..at + Id::LEN)?.cmp(id.bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.offset(middle),
            }
        }
        None
    }

    fn offset(&self, place: usize) -> Option<u64> {
        let near = IDS + self.count * (Id::LEN + 4);
        let short = self.word(near + 4 * place)?;
        if short >> 31 == 0 {
            return u64::try_from(short).ok();
        }
        let at = near + 4 * self.count + 8 * (short & 0x7fff_ffff);
        Some(u64::from_be_bytes(self.bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
    }

    fn word(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }
}

/// What an entry of a pack is.
pub(super) enum Entry {
    /// An object.
    Whole(gix_object::Kind),
    /// A difference to the entry that is this much before it.
    Before(u64),
    /// A difference to this object.
    To(Id),
}

/// A pack with its index.
pub(super) struct Pack {
    pub(super) index: Index,
    file: File,
}

impl Pack {
    pub(super) fn new(index: Index, file: File) -> Self {
        Self { index, file }
    }

    /// The entry at an offset with its bytes, of at most `largest`; nothing if there is none that is sound.
    pub(super) fn entry(&self, offset: u64, largest: u64, inflate: &mut Inflate) -> Option<(Entry, Vec<u8>)> {
        let mut head = [0; HEADER];
        let read = self.read(&mut head, offset)?;
        let mut rest = &head[..read];
        let (kind, size) = kind_and_size(&mut rest)?;
        let entry = match kind {
            1 => Entry::Whole(gix_object::Kind::Commit),
            2 => Entry::Whole(gix_object::Kind::Tree),
            3 => Entry::Whole(gix_object::Kind::Blob),
            4 => Entry::Whole(gix_object::Kind::Tag),
            6 => Entry::Before(back(&mut rest)?),
            7 => {
                let (id, behind) = rest.split_at_checked(Id::LEN)?;
                rest = behind;
                Entry::To(Id::from_bytes(id)?)
            }
            _ => return None,
        };
        if size > largest {
            return None;
        }
        let body = offset + (read - rest.len()) as u64;
        Some((entry, self.inflated(body, usize::try_from(size).ok()?, inflate)?))
    }

    fn inflated(&self, body: u64, size: usize, inflate: &mut Inflate) -> Option<Vec<u8>> {
        // no compressor makes more of it
        let mut packed = vec![0; size + size / 1000 + 128];
        let read = self.read(&mut packed, body)?;
        whole(&packed[..read], size, inflate)
    }

    fn read(&self, into: &mut [u8], at: u64) -> Option<usize> {
        let mut read = 0;
        while read < into.len() {
            match self.file.read_at(&mut into[read..], at.checked_add(read as u64)?) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(read)
    }
}

/// What a stream holds, if that is exactly `size` bytes.
pub(super) fn whole(packed: &[u8], size: usize, inflate: &mut Inflate) -> Option<Vec<u8>> {
    inflate.reset();
    // a byte more, so that a longer one is noticed
    let mut out = vec![0; size + 1];
    let (status, _, written) = inflate.once(packed, &mut out).ok()?;
    out.truncate(size);
    (written == size && status == gix_zlib::Status::StreamEnd).then_some(out)
}

fn kind_and_size(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let first = next(rest)?;
    let (kind, mut size, mut shift) = ((first >> 4) & 7, u64::from(first & 0x0f), 4);
    let mut byte = first;
    while byte & 0x80 != 0 {
        byte = next(rest)?;
        if shift > 56 {
            return None;
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    Some((kind, size))
}

/// How far before a difference its base is.
fn back(rest: &mut &[u8]) -> Option<u64> {
    let mut byte = next(rest)?;
    let mut back = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = next(rest)?;
        back = back.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7f);
    }
    (back > 0).then_some(back)
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}
