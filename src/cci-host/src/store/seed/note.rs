//! What a session got from the host, recorded next to its state directory where no container can write. So a resume can
//! remove what is gone on the host, and keep what the agent created itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cci_core::Result;

use crate::store::put::host;

/// The file, in the session's directory.
const NAME: &str = "from-host";

/// The note: records that end in NUL, because a path may contain any other byte.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// When each file was last modified; `None` for directories.
    pub(super) copied: BTreeMap<PathBuf, Option<i128>>,
    /// What the agent noted itself.
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
                Ok(word) => drop(word.parse().map(|changed| note.copied.insert(path(), Some(changed)))),
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
        for (path, changed) in &self.copied {
            let word = changed.map_or_else(|| "dir".to_owned(), |changed| changed.to_string());
            line(&word, path.as_os_str().as_bytes());
        }
        self.agents.iter().for_each(|one| line("agent", one.as_bytes()));
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::write(&path, text).map_err(host("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let odd = PathBuf::from(OsStr::from_bytes(b"skills/a \xff\n"));
        let note = Note { copied: [(odd, Some(-7)), ("skills".into(), None)].into(), agents: vec!["a server".into()] };
        assert_eq!(Note::read(dir.path()), Note::default());
        note.write(dir.path()).unwrap();
        assert_eq!(Note::read(dir.path()), note);
    }
}
