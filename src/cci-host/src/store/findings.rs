//! What is remembered of the findings of reviews: those that were accepted, beside the checkpoints of their workspace, and files that
//! were taken out of it, in `~/.cci/quarantine`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::workspace::Workspace;
use serde::Serialize;

use super::checkpoints::Checkpoints;
use super::put;

/// The fingerprints of accepted findings.
const ACCEPTED: &str = "accepted.json";
/// What each file in quarantine was.
const LIST: &str = "findings.json";

/// The fingerprints of the findings that were accepted.
pub fn accepted(kept: &Checkpoints) -> Result<BTreeSet<String>> {
    Ok(kept.get(ACCEPTED)?.unwrap_or_default())
}

/// Accepts more of them; nobody else may write meanwhile.
pub fn accept(kept: &Checkpoints, more: impl IntoIterator<Item = String>) -> Result<()> {
    let mut all = accepted(kept)?;
    all.extend(more);
    kept.put(ACCEPTED, &all)
}

/// A directory of files that were taken out of a workspace, under names of cci's own, none of them executable.
#[derive(Debug)]
pub struct Quarantine {
    dir: PathBuf,
}

impl Quarantine {
    /// Makes one (0700), named after the workspace and this moment.
    pub fn create(cci_dir: &Path, workspace: &Workspace, moment: &str) -> Result<Self> {
        let dir = cci_dir.join("quarantine").join(format!("{}-{moment}", workspace.hash()));
        put::private_directory(&dir)?;
        Ok(Self { dir })
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the bytes of a file, or the target of a link, readable for this user only.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        put::atomically(&self.dir.join(name), bytes, put::PRIVATE)
    }

    /// Writes down what each of them was.
    pub fn list(&self, files: &impl Serialize) -> Result<()> {
        put::json(&self.dir.join(LIST), files)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_accepted_adds_up() {
        let home = tempfile::tempdir().unwrap();
        let kept = Checkpoints::of(home.path(), &Workspace::at("/w")).unwrap();
        assert!(accepted(&kept).unwrap().is_empty());
        kept.create().unwrap();
        accept(&kept, ["b".to_owned()]).unwrap();
        accept(&kept, ["a".to_owned(), "b".to_owned()]).unwrap();
        assert_eq!(accepted(&kept).unwrap().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn nothing_in_quarantine_is_executable_or_for_others() {
        let home = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::create(home.path(), &Workspace::at("/w"), "now").unwrap();
        quarantine.keep("3fa9c1b", b"#!/bin/sh\n").unwrap();
        quarantine.list(&["3fa9c1b"]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(quarantine.dir()), 0o700);
        assert_eq!(mode(quarantine.dir().parent().unwrap()), 0o700);
        for name in ["3fa9c1b", "findings.json"] {
            assert_eq!(mode(&quarantine.dir().join(name)), 0o600, "{name}");
        }
    }
}
