//! What running containers may reach beside their policies: noted beside each session's note, so that whoever takes over
//! from a supervisor lets through the same.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use cci_core::network::Allowance;
use cci_core::session::SessionId;

use super::put::{PRIVATE, beside};
use super::run_dir::{RunDir, Watched};

/// What ends the name of such a note.
const ALLOWED: &str = ".allowed";

impl RunDir {
    fn allowed(&self, session: SessionId) -> std::path::PathBuf {
        self.path().join(format!("{session}{ALLOWED}"))
    }

    /// What a session may reach beside its policy, also what has ended since; what cannot be read is nothing.
    #[must_use]
    pub fn allowances(&self, session: SessionId) -> Vec<Allowance> {
        fs::read(self.allowed(session)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Notes it. It is not flushed: a container does not outlive the host either.
    pub fn note_allowances(&self, session: SessionId, all: &[Allowance]) -> io::Result<()> {
        let path = self.allowed(session);
        let new = beside(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
        file.write_all(&serde_json::to_vec(all)?)?;
        fs::rename(&new, &path)
    }

    /// Forgets it with the session.
    pub(super) fn forget_allowances(&self, session: SessionId) {
        let _ = fs::remove_file(self.allowed(session));
    }

    /// The session of a container whose connections are judged by name.
    #[must_use]
    pub fn judged(&self, project: &str, container: &str) -> Option<Watched> {
        let is_its = |watched: &Watched| {
            watched.project == project && watched.egress.as_ref().is_some_and(|note| note.container == container)
        };
        self.watched().into_iter().find(is_its)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_noted_beside_the_session_and_is_none_itself() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        let session = SessionId::from_random([5; 16]);
        run.make().unwrap();
        assert_eq!(run.allowances(session), []);
        let all = [Allowance::of("a.example", Some("2026-11-28T14:05:00Z".parse().unwrap())).unwrap()];
        run.note_allowances(session, &all).unwrap();
        assert_eq!(run.allowances(session), all);
        assert!(!run.has_watched() && run.with_sockets().is_empty());
        fs::write(run.allowed(session), "[{").unwrap();
        assert_eq!(run.allowances(session), []);
        run.forget_allowances(session);
        assert!(fs::read_dir(run.path()).unwrap().next().is_none());
    }
}
