//! Lists that are noted beside a session's note, so that whoever takes over from a supervisor knows them too.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::session::SessionId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::put::{PRIVATE, beside};

/// Which of them.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    /// What its container may reach beside its policy.
    Allowed,
    /// What its agent has asked for.
    Requested,
}

impl List {
    fn path(self, run: &Path, session: SessionId) -> PathBuf {
        let end = match self {
            Self::Allowed => "allowed",
            Self::Requested => "requested",
        };
        run.join(format!("{session}.{end}"))
    }
}

/// What is on it; what cannot be read is nothing.
pub(super) fn read<T: DeserializeOwned>(run: &Path, session: SessionId, list: List) -> Vec<T> {
    fs::read(list.path(run, session)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Notes it. It is not flushed: a container does not outlive the host either.
pub(super) fn note<T: Serialize>(run: &Path, session: SessionId, list: List, all: &[T]) -> io::Result<()> {
    let path = list.path(run, session);
    let new = beside(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
    file.write_all(&serde_json::to_vec(all)?)?;
    fs::rename(&new, &path)
}

/// Forgets them with the session.
pub(super) fn forget(run: &Path, session: SessionId) {
    for list in [List::Allowed, List::Requested] {
        let _ = fs::remove_file(list.path(run, session));
    }
}

#[cfg(test)]
mod tests {
    use cci_core::network::Allowance;

    use super::*;

    #[test]
    fn what_is_allowed_is_noted_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (run, session) = (dir.path(), SessionId::from_random([5; 16]));
        let read = || read::<Allowance>(run, session, List::Allowed);
        assert_eq!(read(), []);
        let all = [Allowance::of("a.example", Some("2026-11-28T14:05:00Z".parse().unwrap())).unwrap()];
        note(run, session, List::Allowed, &all).unwrap();
        note(run, session, List::Requested, &["b.example"]).unwrap();
        assert_eq!(read(), all);
        fs::write(List::Allowed.path(run, session), "[{").unwrap();
        assert_eq!(read(), []);
        forget(run, session);
        assert!(fs::read_dir(run).unwrap().next().is_none());
    }
}
