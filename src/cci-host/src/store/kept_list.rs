//! Lists that are noted beside a session's note, so that whoever takes over from a supervisor knows them too.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::session::SessionId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::put::{PRIVATE, beside};

/// Which of them.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    /// What its container may reach beside its policy.
    Allowed,
    /// What its agent has asked for.
    Requested,
}

/// Whose they are: a session's, and of one launch of its container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) session: SessionId,
    pub(super) launch: &'a str,
}

/// A list as it is in a file.
#[derive(Serialize, Deserialize)]
struct Kept<L, A> {
    launch: L,
    all: A,
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

/// What is on it; what cannot be read is nothing, and so is what is of another launch.
pub(super) fn read<T: DeserializeOwned>(run: &Path, of: Of<'_>, list: List) -> Vec<T> {
    let text = fs::read(list.path(run, of.session)).ok();
    let kept = text.and_then(|text| serde_json::from_slice::<Kept<String, Vec<T>>>(&text).ok());
    kept.filter(|kept| kept.launch == of.launch).map(|kept| kept.all).unwrap_or_default()
}

/// Notes it. It is not flushed: a container does not outlive the host either.
pub(super) fn note<T: Serialize>(run: &Path, of: Of<'_>, list: List, all: &[T]) -> io::Result<()> {
    let path = list.path(run, of.session);
    let new = beside(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
    file.write_all(&serde_json::to_vec(&Kept { launch: of.launch, all })?)?;
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
        let of = |launch| Of { session, launch };
        let read = || read::<Allowance>(run, of("one"), List::Allowed);
        assert_eq!(read(), []);
        let all = [Allowance::of("a.example", Some("2026-11-28T14:05:00Z".parse().unwrap())).unwrap()];
        note(run, of("one"), List::Allowed, &all).unwrap();
        note(run, of("one"), List::Requested, &["b.example"]).unwrap();
        assert_eq!(read(), all);
        assert_eq!(super::read::<Allowance>(run, of("two"), List::Allowed), []);
        fs::write(List::Allowed.path(run, session), "[{").unwrap();
        assert_eq!(read(), []);
        forget(run, session);
        assert!(fs::read_dir(run).unwrap().next().is_none());
    }
}
