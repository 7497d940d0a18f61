//! Copies files and directories of the host into a session: modes are kept, links followed, and whatever is not copied is
//! reported.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_agent::{Copied, NotCopied, Omission};
use rustix::fs::FileType;

use super::limits::Limits;
use super::note::{Made, Stamp};
use super::wording::Wording;
use crate::store::guest_dir::{Content, Copy, GuestDir, NANOS, Seen};
use crate::way::{self, NoWay};

/// No configuration has more entries, or more bytes.
const MOST_ENTRIES: usize = 50_000;
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// How deep directories are copied.
const DEEPEST: usize = 100;
/// Files of up to this size are read for what they name.
const LONGEST: u64 = 1024 * 1024;

/// What has been copied into a session, and what has not.
#[derive(Debug, Default)]
pub(super) struct Copying {
    /// What there is in the state directory now: files, and nothing for directories.
    pub(super) made: BTreeMap<PathBuf, Option<Made>>,
    pub(super) omitted: Vec<Omission>,
    /// The same of the launch before.
    pub(super) before: BTreeMap<PathBuf, Option<Made>>,
    /// Whether something is noted of that launch.
    is_noted: bool,
    /// What texts name otherwise in the container.
    wording: Wording,
    /// Where links may lead.
    limits: Limits,
    bytes: u64,
    /// The directories that the current one is in.
    above: Vec<(u64, u64)>,
    done: HashSet<PathBuf>,
}

/// A place of the host, by the person's name for it and without links.
#[derive(Clone, Copy)]
struct From<'a> {
    named: &'a Path,
    real: &'a Path,
    meta: &'a Metadata,
    /// Whether texts there are put in other words.
    is_text: bool,
}

impl Copying {
    /// Nothing yet, in a session that had this from the launch before.
    pub(super) fn after(before: BTreeMap<PathBuf, Option<Made>>, wording: Wording, limits: Limits) -> Self {
        Self { is_noted: !before.is_empty(), before, wording, limits, ..Self::default() }
    }

    /// Copies one thing, if there is one.
    pub(super) fn copy(&mut self, copied: &Copied, state: &GuestDir) {
        let is_absent = || copied.host.symlink_metadata().is_err_and(|error| way::is_missing(&error));
        let Some(name) = copied.session.file_name() else { return };
        if !self.done.insert(copied.session.clone()) || is_absent() {
            return;
        }
        let above = copied.session.parent().unwrap_or(Path::new(""));
        let mut shown = PathBuf::new();
        let into = above.iter().try_fold(None::<GuestDir>, |into, part| {
            let into = into.as_ref().unwrap_or(state);
            shown.push(part);
            self.make_way(FileType::Directory, into, (part, &shown));
            into.subdir(part).map(Some)
        });
        match into {
            Ok(into) => {
                let parts = above.ancestors().filter(|part| *part != Path::new(""));
                self.made.extend(parts.map(|part| (part.to_owned(), None)));
                let way = self.limits.own(&copied.host);
                self.entry(&copied.host, way, !copied.login, into.as_ref().unwrap_or(state), (name, &copied.session));
            }
            Err(error) => self.unreadable(&copied.host, &error),
        }
    }

    /// Whether something of the agent's directory was to be copied.
    pub(super) fn has_copied(&self, name: &Path) -> bool {
        self.done.iter().any(|done| done.starts_with(name))
    }

    fn entry(
        &mut self,
        named: &Path,
        way: Result<PathBuf, NotCopied>,
        is_text: bool,
        into: &GuestDir,
        to: (&OsStr, &Path),
    ) {
        let found = way.and_then(|real| {
            let meta = real.symlink_metadata().map_err(NoWay::from)?;
            Ok((real, meta))
        });
        match found {
            Err(why) => self.omit(named, why),
            Ok((_, meta)) if self.made.len() >= MOST_ENTRIES || self.bytes + meta.len() > MOST_BYTES => {
                self.omit(named, NotCopied::TooMuch);
            }
            Ok((_, meta)) if !meta.is_dir() && !meta.is_file() => self.omit(named, NotCopied::Special),
            Ok((real, meta)) => {
                let from = From { named, real: &real, meta: &meta, is_text };
                let done = if meta.is_dir() { self.directory(from, into, to) } else { self.file(from, into, to) };
                done.unwrap_or_else(|error| self.unreadable(named, &error));
            }
        }
    }

    fn directory(&mut self, from: From<'_>, into: &GuestDir, (name, shown): (&OsStr, &Path)) -> io::Result<()> {
        let identity = (from.meta.dev(), from.meta.ino());
        if self.above.contains(&identity) || self.above.len() >= DEEPEST {
            self.omit(from.named, NotCopied::Endless);
            return Ok(());
        }
        let entries = names(from.real)?;
        self.make_way(FileType::Directory, into, (name, shown));
        let dir = into.subdir(name)?;
        dir.set_mode(from.meta.mode())?;
        self.made.insert(shown.to_owned(), None);
        self.above.push(identity);
        for name in entries {
            let (named, real) = (from.named.join(&name), from.real.join(&name));
            let is_link = real.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
            let way = if is_link { self.limits.link(&real) } else { Ok(real) };
            self.entry(&named, way, from.is_text, &dir, (&name, &shown.join(&name)));
        }
        self.above.pop();
        Ok(())
    }

    fn file(&mut self, from: From<'_>, into: &GuestDir, (name, shown): (&OsStr, &Path)) -> io::Result<()> {
        let (modified, stamp, mode) = (changed(from.meta), Stamp::of(from.meta), from.meta.mode() & 0o777);
        // read all the same: what cannot be read is told whenever it is so
        let file = way::open(from.real)?;
        self.make_way(FileType::RegularFile, into, (name, shown));
        let there = into.seen(name).filter(|there| there.kind == FileType::RegularFile);
        let before = self.before.get(shown).copied().flatten();
        let is_of_now = |noted: &Made| (noted.changed, noted.stamp) == (modified, stamp);
        let same = before.filter(|noted| is_of_now(noted) && there.is_some_and(|there| noted.is(there)));
        let put = if let Some(same) = same.filter(|_| into.mode(name) == Some(mode)) {
            same.put
        } else {
            let text = self.reworded(&file, from)?;
            let is_other = || differs(into, name, &file, text.as_deref());
            let is_changed = |there: Seen| match before {
                Some(noted) if noted.is(there) => false,
                // where the host's file is another now, an old time does not tell the agent's change from a move
                Some(noted) if noted.changed == there.modified => is_of_now(&noted) && is_other(),
                _ => there.modified != modified || is_other(),
            };
            // a session of which nothing is noted has its files from another release
            if from.is_text && self.is_noted && there.is_some_and(is_changed) {
                self.omitted.push(Omission::Undone(shown.to_owned()));
            }
            let copy = Copy { mode, changed: modified };
            match text {
                Some(text) => into.copy(name, text.as_bytes(), &copy)?,
                None => into.copy(name, file.take(MOST_BYTES), &copy)?,
            }
            into.seen(name).map_or(0, |there| there.changed)
        };
        self.bytes += from.meta.len();
        self.made.insert(shown.to_owned(), Some(Made { changed: modified, stamp, put }));
        Ok(())
    }

    /// Reports what is in the place of a copy, is of another kind, and was made in the session. What cci copied there
    /// itself goes first.
    fn make_way(&mut self, wanted: FileType, into: &GuestDir, (name, shown): (&OsStr, &Path)) {
        let is_in_the_way = || into.seen(name).is_some_and(|there| there.kind != wanted);
        if !self.is_noted || !is_in_the_way() {
            return;
        }
        let copies = self.before.keys().filter(|path| path.starts_with(shown)).cloned().collect::<Vec<_>>();
        for path in copies.into_iter().rev() {
            let Ok(below) = path.strip_prefix(shown.parent().unwrap_or(Path::new(""))) else { continue };
            let Some(there) = into.seen(below) else { continue };
            let made = self.before.remove(&path).flatten();
            let is_own = there.kind == made.map_or(FileType::Directory, |_| FileType::RegularFile);
            if is_own && into.remove(below) && made.is_some_and(|made| !made.is(there)) {
                self.omitted.push(Omission::Undone(path));
            }
        }
        if is_in_the_way() {
            self.omitted.push(Omission::Undone(shown.to_owned()));
        }
    }

    /// A text that says something else in the container; the file is at its beginning again.
    fn reworded(&self, mut file: &File, from: From<'_>) -> io::Result<Option<String>> {
        if !from.is_text || from.meta.len() > LONGEST {
            return Ok(None);
        }
        let mut content = Vec::new();
        file.take(LONGEST).read_to_end(&mut content)?;
        io::Seek::rewind(&mut file)?;
        Ok(self.wording.reworded(&content))
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.omit(path, NotCopied::Unreadable(error.to_string()));
    }

    fn omit(&mut self, path: &Path, why: NotCopied) {
        // of what is too much only the first is named
        let is_told = |one: &Omission| matches!(one, Omission::NotCopied { why: NotCopied::TooMuch, .. });
        if why != NotCopied::TooMuch || !self.omitted.iter().any(is_told) {
            self.omitted.push(Omission::NotCopied { path: path.to_owned(), why });
        }
    }
}

/// Whether a copy says something else than the host's file, or `text` in its stead; the file is at its beginning again.
fn differs(into: &GuestDir, name: &OsStr, mut file: &File, text: Option<&str>) -> bool {
    let Ok(Content::File(there)) = into.read(name) else { return true };
    if let Some(text) = text {
        return text.as_bytes() != there;
    }
    let mut content = Vec::new();
    let read = file.take(there.len() as u64 + 1).read_to_end(&mut content);
    io::Seek::rewind(&mut file).is_err() || read.is_err() || content != there
}

/// What is in a directory of the host, in the order of its names.
pub(super) fn names(real: &Path) -> io::Result<Vec<OsString>> {
    let dir = way::open(real)?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned());
    }
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names)
}

fn changed(meta: &Metadata) -> i128 {
    i128::from(meta.mtime()) * NANOS + i128::from(meta.mtime_nsec())
}
