//! Writes the files of a commit into a new directory that nobody else sees yet.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, lchown, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix_object::Kind;
use gix_object::tree::EntryKind;
use gix_zlib::Inflate;

use super::accept;
use super::fault::Result;
use super::index::{Entry, Seen};
use super::source::Source;
use super::sparse::Sparse;
use crate::error::at;
use crate::id::Id;

/// How many files a thread takes at once.
const PART: usize = 64;
/// How deep directories may lie.
const DEEPEST: usize = 1024;

/// Who owns what is written: a user and a group.
pub(super) type Owner = Option<(u32, u32)>;

/// Where files come from and go to.
pub(super) struct Checkout<'a> {
    pub(super) source: &'a Source,
    pub(super) top: &'a Path,
    pub(super) owner: Owner,
}

impl Checkout<'_> {
    /// Writes the files of a tree, and returns the entries of the index.
    pub(super) fn all(&self, tree: Id, sparse: Option<&Sparse>) -> Result<Vec<Entry>> {
        let mut entries = listed(self.source, tree)?;
        for entry in &mut entries {
            entry.skipped = sparse.is_some_and(|sparse| !sparse.has(&entry.path));
        }
        self.directories(&entries)?;
        self.files(&mut entries)?;
        Ok(entries)
    }

    fn directories(&self, entries: &[Entry]) -> Result<()> {
        let mut last: &[u8] = b"";
        for entry in entries.iter().filter(|entry| !entry.skipped) {
            let end = entry.path.iter().rposition(|byte| *byte == b'/');
            let above = &entry.path[..end.unwrap_or(0)];
            if above != last {
                self.make(above, last)?;
                last = above;
            }
        }
        Ok(())
    }

    /// Makes a directory and those above it, the ones of the directory before excepted.
    fn make(&self, path: &[u8], before: &[u8]) -> Result<()> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let part = &path[..end];
            let is_there = before.starts_with(part) && matches!(before.get(end), None | Some(b'/'));
            if !is_there {
                self.directory(part)?;
            }
        }
        Ok(())
    }

    fn directory(&self, path: &[u8]) -> Result<()> {
        let path = self.top.join(std::ffi::OsStr::from_bytes(path));
        match fs::create_dir(&path) {
            Ok(()) => self.give(&path),
            // of a tree whose names are mixed with those of files
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && is_directory(&path) => Ok(()),
            Err(error) => Err(at("make", path)(error).into()),
        }
    }

    fn files(&self, entries: &mut [Entry]) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let parts: Vec<Mutex<&mut [Entry]>> = entries.chunks_mut(PART).map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut inflate = Inflate::default();
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
                for entry in part.iter_mut().filter(|entry| !entry.skipped) {
                    entry.seen = self.write(entry, &mut inflate)?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Writes one file, which is not there.
    fn write(&self, entry: &Entry, inflate: &mut Inflate) -> Result<Seen> {
        let path = self.top.join(std::ffi::OsStr::from_bytes(&entry.path));
        if entry.mode == COMMIT {
            self.directory(&entry.path)?;
            return Ok(Seen::default());
        }
        let bytes = self.source.get(entry.id, Kind::Blob, inflate)?;
        if entry.mode == LINK {
            symlink(std::ffi::OsStr::from_bytes(&bytes), &path).map_err(at("make the link", &path))?;
            self.give(&path)?;
            return Ok(seen(&fs::symlink_metadata(&path).map_err(at("look at", &path))?));
        }
        let mode = if entry.mode == PROGRAM { 0o777 } else { 0o666 };
        let opened = File::options().write(true).create_new(true).mode(mode).open(&path);
        let mut file = opened.map_err(at("make", &path))?;
        file.write_all(&bytes).map_err(at("write", &path))?;
        if let Some((uid, gid)) = self.owner {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid)).map_err(at("give away", &path))?;
        }
        Ok(seen(&file.metadata().map_err(at("look at", &path))?))
    }

    fn give(&self, path: &Path) -> Result<()> {
        let given = self.owner.map(|(uid, gid)| lchown(path, Some(uid), Some(gid)));
        Ok(given.unwrap_or(Ok(())).map_err(at("give away", path))?)
    }
}

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_000;
const COMMIT: u32 = 0o160_000;

/// The files of a tree, in the order of its trees, each not seen yet.
pub(super) fn listed(source: &Source, tree: Id) -> Result<Vec<Entry>> {
    let (mut entries, mut inflate) = (Vec::new(), Inflate::default());
    list(source, tree, &[], 0, &mut inflate, &mut entries)?;
    Ok(entries)
}

fn list(
    source: &Source,
    tree: Id,
    above: &[u8],
    depth: usize,
    inflate: &mut Inflate,
    all: &mut Vec<Entry>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(super::fault::refused(tree, "it is too deep"));
    }
    let bytes = source.get(tree, Kind::Tree, inflate)?;
    for item in accept::entries(tree, &bytes)? {
        let path = if above.is_empty() { item.name.to_vec() } else { [above, b"/", item.name].concat() };
        let mode = match item.kind {
            EntryKind::Tree => {
                list(source, item.id, &path, depth + 1, inflate, all)?;
                continue;
            }
            EntryKind::Blob => FILE,
            EntryKind::BlobExecutable => PROGRAM,
            EntryKind::Link => LINK,
            EntryKind::Commit => COMMIT,
        };
        all.push(Entry { path, mode, id: item.id, seen: Seen::default(), skipped: false });
    }
    Ok(())
}

/// The tree of a commit.
pub(super) fn tree_of(source: &Source, commit: Id, inflate: &mut Inflate) -> Result<Id> {
    let bytes = source.get(commit, Kind::Commit, inflate)?;
    let named = accept::commit(commit, &bytes)?;
    named.first().map(|tree| tree.id).ok_or_else(|| super::fault::refused(commit, "it has no tree"))
}

/// What git remembers of a file: the lowest bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "git keeps the lowest 32 bits")]
pub(super) fn seen(meta: &fs::Metadata) -> Seen {
    Seen {
        ctime: (meta.ctime() as u32, meta.ctime_nsec() as u32),
        mtime: (meta.mtime() as u32, meta.mtime_nsec() as u32),
        device: meta.dev() as u32,
        inode: meta.ino() as u32,
        uid: meta.uid(),
        gid: meta.gid(),
        size: meta.size() as u32,
    }
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}
