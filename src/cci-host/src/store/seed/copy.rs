//! Copies files and directories of the host into a session: modes as there, links followed, and whatever does not come
//! along named.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_agent::{Copied, NotCopied, Omission};

use super::limits::Limits;
use super::read::{self, is_missing};
use crate::store::guest_dir::{Copy, GuestDir};

/// More entries, and more bytes, are no configuration.
const MOST_ENTRIES: usize = 50_000;
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// How deep directories are copied.
const DEEPEST: usize = 100;
/// Text is replaced in files of up to this size.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What has been copied into a session, and what was not.
#[derive(Debug, Default)]
pub(super) struct Copying {
    /// When each file in the state directory was changed last, and nothing for directories.
    pub(super) made: BTreeMap<PathBuf, Option<i128>>,
    pub(super) omitted: Vec<Omission>,
    /// The same of the launch before: what has another time now was changed in the session.
    pub(super) before: BTreeMap<PathBuf, Option<i128>>,
    bytes: u64,
    /// Where links may not lead, and the agent's own directory, which is open all the same.
    limits: Limits,
    /// The directories that the current one is in.
    above: Vec<(u64, u64)>,
    done: HashSet<PathBuf>,
}

impl Copying {
    /// Nothing yet, in a session that had this from the launch before.
    pub(super) fn after(before: BTreeMap<PathBuf, Option<i128>>, limits: Limits) -> Self {
        Self { before, limits, ..Self::default() }
    }

    /// Names the agent's directory itself, of which nothing can be copied.
    pub(super) fn nothing_of(&mut self, directory: &Path, why: NotCopied) {
        self.omit(directory, why);
    }

    /// Copies one thing, if there is one.
    pub(super) fn copy(&mut self, copied: &Copied, state: &GuestDir) {
        let is_absent = || copied.host.symlink_metadata().is_err_and(|error| is_missing(&error));
        let Some(name) = copied.session.file_name() else { return };
        if !self.done.insert(copied.session.clone()) || is_absent() {
            return;
        }
        let above = copied.session.parent().unwrap_or(Path::new(""));
        match above
            .iter()
            .try_fold(None::<GuestDir>, |into, part| into.as_ref().unwrap_or(state).subdir(part).map(Some))
        {
            Ok(into) => {
                self.made.extend(
                    above.ancestors().filter(|part| *part != Path::new("")).map(|part| (part.to_owned(), None)),
                );
                self.entry(copied, &copied.host, into.as_ref().unwrap_or(state), name, &copied.session);
            }
            Err(error) => self.unreadable(&copied.host, &error),
        }
    }

    fn entry(&mut self, copied: &Copied, from: &Path, into: &GuestDir, name: &OsStr, shown: &Path) {
        let meta = from.metadata();
        // a file that the person has put in the place of one of the agent's own may be anywhere
        let is_own = copied.host == from && meta.as_ref().is_ok_and(Metadata::is_file);
        if let Some(place) = (from.is_symlink() && !is_own).then(|| self.limits.closed(from)).flatten() {
            return self.omit(from, NotCopied::Closed(place));
        }
        match meta {
            Err(error) if is_missing(&error) => self.omit(from, NotCopied::Dangling),
            Err(error) => self.unreadable(from, &error),
            Ok(meta) if self.made.len() >= MOST_ENTRIES || self.bytes + meta.len() > MOST_BYTES => {
                self.omit(from, NotCopied::TooMuch);
            }
            Ok(meta) if meta.is_dir() => self.directory(copied, (from, &meta), into, name, shown),
            Ok(meta) if meta.is_file() => match read::file(from) {
                Ok(Some(file)) => self.file(copied, from, (file, &meta), into, (name, shown)),
                Ok(None) => {}
                Err(error) => self.unreadable(from, &error),
            },
            Ok(_) => self.omit(from, NotCopied::Special),
        }
    }

    fn directory(
        &mut self,
        copied: &Copied,
        (from, meta): (&Path, &Metadata),
        into: &GuestDir,
        name: &OsStr,
        shown: &Path,
    ) {
        let identity = (meta.dev(), meta.ino());
        if self.above.contains(&identity) || self.above.len() >= DEEPEST {
            return self.omit(from, NotCopied::Endless);
        }
        let opened = std::fs::read_dir(from).and_then(|entries| {
            let dir = into.subdir(name)?;
            dir.set_mode(meta.mode()).map(|()| (entries, dir))
        });
        let (entries, dir) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.unreadable(from, &error),
        };
        self.made.insert(shown.to_owned(), None);
        self.above.push(identity);
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let name = entry.file_name();
                    self.entry(copied, &entry.path(), &dir, &name, &shown.join(&name));
                }
                Err(error) => self.unreadable(from, &error),
            }
        }
        self.above.pop();
    }

    fn file(
        &mut self,
        copied: &Copied,
        from: &Path,
        (file, meta): (File, &Metadata),
        into: &GuestDir,
        (name, shown): (&OsStr, &Path),
    ) {
        let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        let there = into.changed(name);
        let before = self.before.get(shown).copied().flatten();
        if !copied.login && before.is_some() && there.is_some() && there != before && there != Some(changed) {
            self.omitted.push(Omission::Undone(shown.to_owned()));
        }
        let copy = Copy { mode: meta.mode(), changed, length: meta.len() };
        let done = match &copied.replaced {
            None => into.copy(name, file, &copy),
            Some(replaced) => in_other_words(file, replaced).and_then(|text| {
                let length = text.len() as u64;
                into.copy(name, io::Cursor::new(text), &Copy { length, ..copy })
            }),
        };
        match done {
            Ok(()) => {
                self.bytes += meta.len();
                self.made.insert(shown.to_owned(), Some(changed));
            }
            Err(error) => self.unreadable(from, &error),
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.omit(path, NotCopied::Unreadable(error.to_string()));
    }

    fn omit(&mut self, path: &Path, why: NotCopied) {
        // of what is too much the first is named
        let is_told = |one: &Omission| matches!(one, Omission::NotCopied { why: NotCopied::TooMuch, .. });
        if why != NotCopied::TooMuch || !self.omitted.iter().any(is_told) {
            self.omitted.push(Omission::NotCopied { path: path.to_owned(), why });
        }
    }
}

/// A text with what stands for something else in the container.
fn in_other_words(file: File, (host, inside): &(String, String)) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).replace(host, inside).into_bytes())
}
