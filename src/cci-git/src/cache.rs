//! The stat cache: which content each file had when it was last looked at. It is derived; a cache that is lost, damaged or of another
//! directory makes the next capture slow and never wrong.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Result, at};
use crate::id::Id;
use crate::meta::{Meta, Time};
use crate::not_held::Why;
use crate::pack::file::checksum_of;
use crate::pack::read::Packs;
use crate::scan::listing::{Ids, Listing, Scan, What};

/// How a cache begins; another version begins otherwise.
const MAGIC: &[u8; 8] = b"ccistat1";
/// Magic, checksum, device, and the numbers of directories, entries, bytes of names, and packs.
const HEAD: usize = 8 + 4 + 8 + 4 * 4;
/// First entry, number of entries, three ids, whether the store has all of it.
const DIRECTORY: usize = 4 + 4 + 3 * Id::LEN + 1;
/// Kind, trust, why, length and place of the name, mode, number of the file, size, two times, id or number of the directory.
const ENTRY: usize = 3 + 1 + 4 + 4 + 8 + 8 + 12 + 12 + Id::LEN;

const CONTENT: u8 = 0;
const SUBDIRECTORY: u8 = 1;
const NOT: u8 = 2;

/// How long after a change a file can change again without a new time: a tick of the kernel, or the second or two of a file system
/// that counts no parts of one.
const TICK: i128 = 20_000_000;
const COARSE: i128 = 2_000_000_000;

/// A cache in memory.
pub(crate) struct Cache {
    bytes: Vec<u8>,
    directories: usize,
    entries: usize,
    /// Where the names begin.
    names: usize,
    /// Whether the store has lost objects since, so that the file should be written anew.
    pub(crate) outdated: bool,
}

/// What the cache knows of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    Content(Id),
    Directory(usize),
    Not(Why),
}

impl Cache {
    /// Reads the cache of the directory with this identity; ids that `packs` have not are not trusted.
    pub(crate) fn load(path: &Path, top: &Meta, packs: &Packs) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (checksum, rest) = rest.split_at_checked(4)?;
        if u32::from_le_bytes(checksum.try_into().ok()?) != crc32fast::hash(rest) || number(rest, 0)? != device(top) {
            return None;
        }
        let count = |at: usize| short(rest, 8 + 4 * at).and_then(|count| usize::try_from(count).ok());
        let (directories, entries, names, list) = (count(0)?, count(1)?, count(2)?, count(3)?);
        let start = HEAD + directories * DIRECTORY + entries * ENTRY;
        let end = start.checked_add(names)?;
        if bytes.len() != end.checked_add(list * Id::LEN)? {
            return None;
        }
        let as_written = bytes[end..].chunks_exact(Id::LEN).filter_map(Id::from_bytes).all(|pack| packs.has(pack));
        let mut cache = Self { bytes, directories, entries, names: start, outdated: !as_written };
        if !as_written {
            cache.doubt(packs);
        }
        Some(cache)
    }

    /// Writes what a scan found, which began at `started`, beside the packs that have it.
    pub(crate) fn write(path: &Path, scan: &Scan, started: Time, packs: &Packs) -> Result<()> {
        let mut body = Vec::new();
        let mut names = Vec::new();
        let all = || scan.directories.iter();
        let entries = all().map(|listing| listing.entries.len()).sum::<usize>();
        let mut first = 0;
        all().for_each(|listing| first += directory(listing, first, &mut body));
        for entry in all().flat_map(|listing| &listing.entries) {
            let (kind, why, id) = match entry.what {
                What::Content(id) => (CONTENT, 0, id.bytes().to_vec()),
                What::Directory(number) => (SUBDIRECTORY, 0, (number as u64).to_le_bytes().to_vec()),
                What::Not(why) => (NOT, why.code(), Vec::new()),
                What::Open => (NOT, u8::MAX, Vec::new()),
            };
            let trusted = settled(entry.meta.ctime, started);
            body.extend_from_slice(&[kind, trusted.into(), why, u8::try_from(entry.name.len()).unwrap_or_default()]);
            body.extend_from_slice(&u32::try_from(names.len()).unwrap_or(u32::MAX).to_le_bytes());
            body.extend_from_slice(&entry.meta.mode.to_le_bytes());
            body.extend_from_slice(&entry.meta.ino.to_le_bytes());
            body.extend_from_slice(&entry.meta.size.to_le_bytes());
            for time in [entry.meta.mtime, entry.meta.ctime] {
                body.extend_from_slice(&time.sec.to_le_bytes());
                body.extend_from_slice(&time.nsec.to_le_bytes());
            }
            body.extend_from_slice(&id);
            body.resize(body.len() + Id::LEN - id.len(), 0);
            names.extend_from_slice(&entry.name);
        }
        let list: Vec<Id> = packs.iter().filter_map(|pack| checksum_of(&pack.name)).collect();
        let mut rest = device(&scan.top).to_le_bytes().to_vec();
        for count in [scan.directories.len(), entries, names.len(), list.len()] {
            let Ok(count) = u32::try_from(count) else { return Ok(()) };
            rest.extend_from_slice(&count.to_le_bytes());
        }
        rest.append(&mut body);
        rest.append(&mut names);
        rest.extend(list.iter().flat_map(Id::bytes));
        store(path, &rest)
    }

    /// The ids that stand for all of a directory, if the store has all of it.
    pub(crate) fn ids(&self, directory: usize) -> Option<Ids> {
        let record = self.directory(directory)?;
        let id = |at: usize| Id::from_bytes(&record[8 + at * Id::LEN..8 + (at + 1) * Id::LEN]);
        let whole = record[DIRECTORY - 1] != 0;
        whole.then(|| Some(Ids { tree: id(0)?, stat: id(1)?, records: id(2)? }))?
    }

    /// The names in a directory, in their order.
    pub(crate) fn entries(&self, directory: usize) -> impl ExactSizeIterator<Item = Known<'_>> {
        let (first, count) = self.directory(directory).map_or((0, 0), |record| {
            let field = |at| short(record, at).and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
            (field(0), field(4))
        });
        let end = first.saturating_add(count).min(self.entries);
        (first.min(end)..end).map(|number| Known { cache: self, record: self.entry(number) })
    }

    /// After the store has lost packs: finds out of which entries and directories it still has everything.
    fn doubt(&mut self, packs: &Packs) {
        for number in 0..self.entries {
            let known = Known { cache: self, record: self.entry(number) };
            let lost = matches!(known.what(), Cached::Content(id) if !packs.contains(id));
            if lost {
                self.bytes[HEAD + self.directories * DIRECTORY + number * ENTRY + 1] = 0;
            }
        }
        // a child has a higher number than its parent
        for number in (0..self.directories).rev() {
            let own = |ids: Ids| [ids.tree, ids.stat, ids.records].into_iter().all(|id| packs.contains(id));
            let whole = self.ids(number).is_some_and(own)
                && self.entries(number).all(|entry| match entry.what() {
                    Cached::Content(id) => packs.contains(id),
                    Cached::Directory(child) => self.ids(child).is_some(),
                    Cached::Not(_) => true,
                });
            self.bytes[HEAD + (number + 1) * DIRECTORY - 1] = whole.into();
        }
    }

    fn directory(&self, number: usize) -> Option<&[u8]> {
        let start = HEAD + number * DIRECTORY;
        (number < self.directories).then(|| &self.bytes[start..start + DIRECTORY])
    }

    fn entry(&self, number: usize) -> &[u8] {
        let start = HEAD + self.directories * DIRECTORY + number * ENTRY;
        &self.bytes[start..start + ENTRY]
    }
}

/// One entry of the cache.
pub(crate) struct Known<'a> {
    cache: &'a Cache,
    record: &'a [u8],
}

impl<'a> Known<'a> {
    pub(crate) fn name(&self) -> &'a [u8] {
        let start = self.cache.names + self.short(4) as usize;
        self.cache.bytes.get(start..start + usize::from(self.record[3])).unwrap_or_default()
    }

    pub(crate) fn what(&self) -> Cached {
        let id = &self.record[ENTRY - Id::LEN..];
        match self.record[0] {
            CONTENT => Id::from_bytes(id).map_or(Cached::Not(Why::Changing), Cached::Content),
            SUBDIRECTORY => {
                Cached::Directory(number(id, 0).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX))
            }
            _ => Cached::Not(Why::from_code(self.record[2]).unwrap_or(Why::Changing)),
        }
    }

    /// The content of a file, if this is the version that the cache knows.
    pub(crate) fn content_of(&self, meta: &Meta) -> Option<Id> {
        let same = self.record[1] != 0
            && number(self.record, 12) == Some(meta.ino)
            && number(self.record, 20) == Some(meta.size)
            && self.time(40) == meta.ctime
            && self.same_record(meta);
        match self.what() {
            Cached::Content(id) if same => Some(id),
            _ => None,
        }
    }

    /// Whether a stat record would say the same.
    pub(crate) fn same_record(&self, meta: &Meta) -> bool {
        self.short(8) == meta.mode && self.time(28) == meta.mtime
    }

    fn short(&self, at: usize) -> u32 {
        short(self.record, at).unwrap_or(u32::MAX)
    }

    fn time(&self, at: usize) -> Time {
        let sec = number(self.record, at).unwrap_or_default();
        Time { sec: i64::from_le_bytes(sec.to_le_bytes()), nsec: self.short(at + 8) }
    }
}

/// Appends a directory's record; the number of its entries.
fn directory(listing: &Listing, first: usize, out: &mut Vec<u8>) -> usize {
    for number in [first, listing.entries.len()] {
        out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    match listing.ids {
        Some(ids) => [ids.tree, ids.stat, ids.records].iter().for_each(|id| out.extend_from_slice(id.bytes())),
        None => out.resize(out.len() + 3 * Id::LEN, 0),
    }
    out.push(listing.ids.is_some().into());
    listing.entries.len()
}

/// Whether a change after `started` must give the file another time than this.
fn settled(changed: Time, started: Time) -> bool {
    let nanoseconds = |time: Time| i128::from(time.sec) * 1_000_000_000 + i128::from(time.nsec);
    let margin = if changed.nsec.is_multiple_of(1_000_000) { COARSE } else { TICK };
    nanoseconds(changed) + margin < nanoseconds(started)
}

/// Writes the file in one step.
fn store(path: &Path, rest: &[u8]) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix("cache.").tempfile_in(directory).map_err(at("make a file in", directory))?;
    let whole = [&MAGIC[..], &crc32fast::hash(rest).to_le_bytes()].concat();
    file.write_all(&whole).and_then(|()| file.write_all(rest)).map_err(at("write", path))?;
    file.persist(path).map_err(|failed| at("name", path)(failed.error))?;
    Ok(())
}

fn device(meta: &Meta) -> u64 {
    (u64::from(meta.dev.0) << 32) | u64::from(meta.dev.1)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
