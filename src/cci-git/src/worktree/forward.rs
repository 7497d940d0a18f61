//! Moves a worktree of the user's forward to a commit that follows the one it is at.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use gix_object::Kind as Sort;
use gix_zlib::Inflate;
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use super::accept;
use super::checkout::{listed, seen, tree_of};
use super::fault::{Fault, Result};
use super::index::{self, Entry, Seen};
use super::source::{OWN, Source, directory};
use crate::dir::DIRECTORY;
use crate::error::at;
use crate::id::Id;

/// What to move.
#[derive(Debug)]
pub struct Forward<'a> {
    /// What the worktrees of the repository share.
    pub repository: &'a Path,
    /// What the worktree has for itself.
    pub git_dir: &'a Path,
    /// Its files.
    pub files: &'a Path,
    /// The commit that it is at.
    pub from: Id,
    /// The commit that it goes to.
    pub to: Id,
}

/// How far back a merge is looked for: what is not found counts as not merged, so that it is kept.
const FAR: usize = 20_000;

/// Writes the files and the index of the commit `to`; false, and nothing is written, if it does not follow `from`. A file with changes
/// of its own, or one that is in the way, is an error, and nothing is written either. The branch is left to the caller.
pub fn forward(wanted: &Forward<'_>) -> Result<bool> {
    let source = Source::of(&directory(wanted.repository)?, OWN)?;
    let mut inflate = Inflate::default();
    if !follows(&source, wanted.to, (wanted.from, usize::MAX), &mut inflate)? {
        return Ok(false);
    }
    let of = |commit, inflate: &mut Inflate| -> Result<HashMap<Vec<u8>, Entry>> {
        let all = listed(&source, tree_of(&source, commit, inflate)?)?;
        Ok(all.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
    };
    let (old, new) = (of(wanted.from, &mut inflate)?, of(wanted.to, &mut inflate)?);
    let git = directory(wanted.git_dir)?;
    let lock = Lock::take(&git, wanted.git_dir)?;
    let path = wanted.git_dir.join("index");
    let entries = index::decode(&fs::read(&path).map_err(at("read", &path))?)?;
    let mut all: HashMap<Vec<u8>, Entry> = entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    let differs = |path: &Vec<u8>| {
        let of = |side: &HashMap<Vec<u8>, Entry>| side.get(path).map(|entry| (entry.mode, entry.id));
        of(&old) != of(&new)
    };
    let mut paths: Vec<Vec<u8>> = old
        .keys()
        .chain(new.keys())
        .collect::<HashSet<_>>()
        .into_iter()
        .filter(|path| differs(path))
        .cloned()
        .collect();
    paths.sort_unstable();
    let top = directory(wanted.files)?;
    for path in &paths {
        let staged = all.get(path).map(|entry| (entry.mode, entry.id));
        let is_skipped = all.get(path).is_some_and(|entry| entry.skipped);
        if staged != old.get(path).map(|entry| (entry.mode, entry.id))
            || !(is_skipped || is_as(&top, path, old.get(path))?)
        {
            return Err(Fault::Changed { path: shown(path) });
        }
    }
    for path in paths.iter().rev().filter(|path| !new.contains_key(*path)) {
        remove(&top, path)?;
        all.remove(path);
    }
    for path in paths.iter().filter(|path| new.contains_key(*path)) {
        let mut entry = new[path].clone();
        entry.skipped = all.get(path).is_some_and(|entry| entry.skipped);
        if !entry.skipped {
            entry.seen = write(&top, &entry, &source, &mut inflate)?;
        }
        all.insert(path.clone(), entry);
    }
    let mut all: Vec<Entry> = all.into_values().collect();
    lock.put(&index::encode(&mut all)?)?;
    Ok(true)
}

/// Whether `commit` is among the commits before `into`, as far back as that is looked for.
pub fn is_merged(repository: &impl AsFd, commit: Id, into: Id) -> Result<bool> {
    follows(&Source::of(repository, OWN)?, into, (commit, FAR), &mut Inflate::default())
}

/// Whether a commit has another one among those before it, of which so many are looked at, those nearest to it first.
fn follows(source: &Source, commit: Id, (before, most): (Id, usize), inflate: &mut Inflate) -> Result<bool> {
    let (mut seen, mut waiting) = (HashSet::new(), VecDeque::from([commit]));
    while let Some(id) = waiting.pop_front() {
        if id == before {
            return Ok(true);
        }
        if seen.len() == most {
            return Ok(false);
        }
        // a shallow repository ends somewhere
        if seen.insert(id) && (id == commit || source.has(id)) {
            let bytes = source.get(id, Sort::Commit, inflate)?;
            waiting.extend(accept::commit(id, &bytes)?.into_iter().skip(1).map(|parent| parent.id));
        }
    }
    Ok(false)
}

/// Opens the directory of a path, through no link; what is missing is made if `make` says so.
fn above(top: &OwnedFd, path: &[u8], make: bool) -> rustix::io::Result<(OwnedFd, Vec<u8>)> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = parts.pop().unwrap_or_default().to_vec();
    let mut dir = openat(top, ".", DIRECTORY, Mode::empty())?;
    for part in parts {
        if make {
            match rustix::fs::mkdirat(&dir, part, Mode::from_raw_mode(0o777)) {
                Ok(()) => give(&dir, part)?,
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        dir = openat(&dir, part, DIRECTORY, Mode::empty())?;
    }
    Ok((dir, name))
}

/// What root makes belongs to the owner of the directory around it.
fn give(dir: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = rustix::fs::fstat(dir)?;
    let (uid, gid) = (rustix::fs::Uid::from_raw(owner.st_uid), rustix::fs::Gid::from_raw(owner.st_gid));
    rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// Whether the worktree has what a commit has at a path.
fn is_as(top: &OwnedFd, path: &[u8], entry: Option<&Entry>) -> Result<bool> {
    let place = match above(top, path, false) {
        Ok(place) => place,
        Err(rustix::io::Errno::NOENT) => return Ok(entry.is_none()),
        Err(_) => return Ok(false),
    };
    let (dir, name) = place;
    let found = match crate::meta::Meta::at(&dir, &name) {
        Ok(meta) => Some(meta),
        Err(rustix::io::Errno::NOENT) => None,
        Err(error) => return Err(at("look at", shown(path))(error).into()),
    };
    match (found, entry) {
        (None, None) => Ok(true),
        (Some(meta), Some(entry)) => super::left::same(&dir, &name, &meta, entry.mode, entry.id),
        _ => Ok(false),
    }
}

fn remove(top: &OwnedFd, path: &[u8]) -> Result<()> {
    let (dir, name) = above(top, path, false).map_err(at("open", shown(path)))?;
    unlinkat(&dir, &*name, AtFlags::empty()).map_err(at("remove", shown(path)))?;
    let mut rest = path;
    while let Some(end) = rest.iter().rposition(|byte| *byte == b'/') {
        rest = &path[..end];
        let Ok((dir, name)) = above(top, rest, false) else { break };
        if unlinkat(&dir, &*name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes a file beside its place, and puts it there.
fn write(top: &OwnedFd, entry: &Entry, source: &Source, inflate: &mut Inflate) -> Result<Seen> {
    let failed = || at("write", shown(&entry.path));
    let (dir, name) = above(top, &entry.path, true).map_err(failed())?;
    if entry.mode == 0o160_000 {
        let _ = rustix::fs::mkdirat(&dir, &*name, Mode::from_raw_mode(0o777));
        return Ok(Seen::default());
    }
    let bytes = source.get(entry.id, Sort::Blob, inflate)?;
    let beside = [b".cci-", &*name].concat();
    let _none = unlinkat(&dir, &*beside, AtFlags::empty());
    if entry.mode == 0o120_000 {
        rustix::fs::symlinkat(&*bytes, &dir, &*beside).map_err(failed())?;
    } else {
        let mode = Mode::from_raw_mode(if entry.mode == 0o100_755 { 0o777 } else { 0o666 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = fs::File::from(openat(&dir, &*beside, flags, mode).map_err(failed())?);
        std::io::Write::write_all(&mut file, &bytes).map_err(at("write", shown(&entry.path)))?;
    }
    give(&dir, &beside).map_err(failed())?;
    rustix::fs::renameat(&dir, &*beside, &dir, &*name).map_err(failed())?;
    let by_descriptor = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&dir));
    let place = Path::new(&by_descriptor).join(std::ffi::OsStr::from_bytes(&name));
    Ok(seen(&fs::symlink_metadata(place).map_err(at("look at", shown(&entry.path)))?))
}

fn shown(path: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}

/// The lock that git takes as well while it writes the index.
struct Lock<'a> {
    git: &'a OwnedFd,
    path: PathBuf,
    kept: std::cell::Cell<bool>,
}

impl<'a> Lock<'a> {
    fn take(git: &'a OwnedFd, dir: &Path) -> Result<Self> {
        let path = dir.join("index.lock");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(git.as_fd(), "index.lock", flags, Mode::from_raw_mode(0o644)).map_err(at("make", &path))?;
        Ok(Self { git, path, kept: false.into() })
    }

    fn put(&self, content: &[u8]) -> Result<()> {
        let opened = openat(self.git, "index.lock", OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let mut file = fs::File::from(opened.map_err(at("open", &self.path))?);
        std::io::Write::write_all(&mut file, content).map_err(at("write", &self.path))?;
        give(self.git, b"index.lock").map_err(at("write", &self.path))?;
        rustix::fs::renameat(self.git, "index.lock", self.git, "index").map_err(at("write", &self.path))?;
        self.kept.set(true);
        Ok(())
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if !self.kept.get() {
            let _ = unlinkat(self.git, "index.lock", AtFlags::empty());
        }
    }
}
