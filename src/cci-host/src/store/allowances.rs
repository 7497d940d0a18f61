//! What running containers may reach beside their policies: noted beside each session's note, so that whoever takes over
//! from a supervisor lets through the same.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::network::Allowance;
use cci_core::session::SessionId;

use super::put::{PRIVATE, beside};

/// What ends the name of such a note.
const ALLOWED: &str = ".allowed";

fn path(run: &Path, session: SessionId) -> PathBuf {
    run.join(format!("{session}{ALLOWED}"))
}

/// What a session may reach, also what has ended since; what cannot be read is nothing.
pub(super) fn read(run: &Path, session: SessionId) -> Vec<Allowance> {
    fs::read(path(run, session)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Notes it. It is not flushed: a container does not outlive the host either.
pub(super) fn note(run: &Path, session: SessionId, all: &[Allowance]) -> io::Result<()> {
    let path = path(run, session);
    let new = beside(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
    file.write_all(&serde_json::to_vec(all)?)?;
    fs::rename(&new, &path)
}

/// Forgets it with the session.
pub(super) fn forget(run: &Path, session: SessionId) {
    let _ = fs::remove_file(path(run, session));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_noted_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (run, session) = (dir.path(), SessionId::from_random([5; 16]));
        assert_eq!(read(run, session), []);
        let all = [Allowance::of("a.example", Some("2026-11-28T14:05:00Z".parse().unwrap())).unwrap()];
        note(run, session, &all).unwrap();
        assert_eq!(read(run, session), all);
        fs::write(path(run, session), "[{").unwrap();
        assert_eq!(read(run, session), []);
        forget(run, session);
        assert!(fs::read_dir(run).unwrap().next().is_none());
    }
}
