//! What a session got from the host, recorded next to its state directory where no container can write. So a resume can
//! remove what is gone on the host, and keep what the agent created itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cci_core::Result;
use rustix::fs::FileType;

use crate::store::guest_dir::{NANOS, Seen};
use crate::store::put::host;

/// The file, in the session's directory.
const NAME: &str = "from-host";

/// A file as it was made in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// When it was changed last, in nanoseconds: what has another time now was changed in the session.
    pub(super) changed: i128,
    /// Which state of the host's file it is of.
    pub(super) stamp: Stamp,
    /// When the copy itself was made, by the clock of its file system: an agent can set the other time back.
    pub(super) put: i128,
}

/// A state of a file of the host: its time alone does not tell two of them apart where all have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    status_changed: i128,
}

impl Stamp {
    pub(super) fn of(meta: &fs::Metadata) -> Self {
        let status_changed = i128::from(meta.ctime()) * NANOS + i128::from(meta.ctime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), length: meta.len(), status_changed }
    }
}

impl Made {
    /// Whether it still is as it was made.
    pub(super) fn is(&self, there: Seen) -> bool {
        (there.kind, there.modified, there.changed) == (FileType::RegularFile, self.changed, self.put)
    }

    fn word(&self) -> String {
        let Stamp { device, inode, length, status_changed } = self.stamp;
        format!("{}:{device}:{inode}:{length}:{status_changed}:{}", self.changed, self.put)
    }

    fn parse(word: &str) -> Option<Self> {
        let mut parts = word.split(':');
        let changed = parts.next()?.parse().ok()?;
        let (device, inode) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (length, status_changed) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let put = parts.next()?.parse().ok()?;
        Some(Self { changed, stamp: Stamp { device, inode, length, status_changed }, put })
    }
}

/// The note: lines that end in NUL, for a path may have everything else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// Each file, and nothing for directories.
    pub(super) copied: BTreeMap<PathBuf, Option<Made>>,
    /// What the agent wants to know again.
    pub(super) agents: Vec<String>,
}

impl Note {
    /// The note of a session; what cannot be parsed is skipped.
    pub(super) fn read(session: &Path) -> Self {
        let mut note = Self::default();
        for line in fs::read(session.join(NAME)).unwrap_or_default().split(|byte| *byte == 0) {
            let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
            let (word, rest) = (&line[..space], &line[space + 1..]);
            let path = || PathBuf::from(OsStr::from_bytes(rest));
            match std::str::from_utf8(word) {
                Ok("agent") => note.agents.push(String::from_utf8_lossy(rest).into_owned()),
                Ok("dir") => drop(note.copied.insert(path(), None)),
                Ok(word) => drop(Made::parse(word).map(|made| note.copied.insert(path(), Some(made)))),
                Err(_) => {}
            }
        }
        note
    }

    /// Writes it. It may be lost in a power failure; then nothing is removed.
    pub(super) fn write(&self, session: &Path) -> Result<()> {
        let path = session.join(NAME);
        let mut text = Vec::new();
        let mut line = |word: &str, rest: &[u8]| {
            text.extend_from_slice(word.as_bytes());
            text.push(b' ');
            text.extend_from_slice(rest);
            text.push(0);
        };
        for (path, made) in &self.copied {
            let word = made.map_or_else(|| "dir".to_owned(), |made| made.word());
            line(&word, path.as_os_str().as_bytes());
        }
        self.agents.iter().for_each(|one| line("agent", one.as_bytes()));
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        open.and_then(|mut file| file.write_all(&text)).map_err(host("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let odd = PathBuf::from(OsStr::from_bytes(b"skills/a \xff\n"));
        let stamp = Stamp { device: 1, inode: 2, length: 3, status_changed: -4 };
        let made = Made { changed: -7, stamp, put: 9 };
        let note =
            Note { copied: [(odd, Some(made)), ("skills".into(), None)].into(), agents: vec!["a server".into()] };
        assert_eq!(Note::read(dir.path()), Note::default());
        note.write(dir.path()).unwrap();
        assert_eq!(Note::read(dir.path()), note);
        let permissions = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(permissions & 0o777, 0o600, "like every file of a session");
    }
}
