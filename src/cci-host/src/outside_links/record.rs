//! Which links of a workspace lead out with the person's consent: those that it had when cci first had to do with it,
//! before any agent was there. One that has come since, or leads elsewhere now, is an agent's until the person says
//! otherwise.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::store::checkpoints::Checkpoints;
use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE, host};

/// No file is larger.
const LARGEST: u64 = 1024 * 1024;
/// The directory in `~/.cci`.
const PLACE: &str = "links";

/// A link that leads out with consent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Allowed {
    /// The link, from the workspace.
    pub link: PathBuf,
    /// Where it led on the host, without links.
    pub target: PathBuf,
}

/// Reads what was noted, or notes what is there `now` if no container has had the workspace before (`is_new`). A fork has
/// what its origin has.
pub fn allowed(
    cci_dir: &Path,
    workspace: &Workspace,
    is_new: bool,
    now: impl IntoIterator<Item = Allowed>,
) -> Result<BTreeSet<Allowed>> {
    let origin = Checkpoints::origin_of(cci_dir, workspace)?.map(|origin| Workspace::at(origin.workspace));
    let file = format!("{}.json", origin.as_ref().unwrap_or(workspace).hash());
    let path = cci_dir.join(PLACE).join(&file);
    if let Some(noted) = noted(cci_dir, &file, &path)? {
        return Ok(noted);
    }
    if !is_new || origin.is_some() {
        return Ok(BTreeSet::new());
    }
    let now: BTreeSet<Allowed> = now.into_iter().collect();
    let text = serde_json::to_vec(&now).map_err(|error| host("write", &path)(error.into()))?;
    let directory = Directory::made(cci_dir, Path::new(PLACE)).map_err(host("create", &cci_dir.join(PLACE)))?;
    put::atomically(&directory.path().join(&file), &text, PRIVATE)?;
    Ok(now)
}

fn noted(cci_dir: &Path, file: &str, path: &Path) -> Result<Option<BTreeSet<Allowed>>> {
    let mut bytes = Vec::new();
    let read = Directory::kept(cci_dir, Path::new(PLACE)).and_then(|directory| directory.open(file));
    match read.and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(host("read", path)(error)),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| host("read", path)(error.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::checkpoints::Origin;

    fn link(link: &str, target: &str) -> Allowed {
        Allowed { link: link.into(), target: target.into() }
    }

    #[test]
    fn what_was_there_first_stays_allowed_and_nothing_that_comes_later() {
        let home = tempfile::tempdir().unwrap();
        let (cci, workspace) = (home.path().join(".cci"), Workspace::at("/w"));
        let first: BTreeSet<Allowed> = [link("data", "/srv/data")].into();
        assert_eq!(allowed(&cci, &workspace, true, first.clone()).unwrap(), first);
        for is_new in [true, false] {
            let now = [link("data", "/srv/other"), link("new", "/srv/data")];
            assert_eq!(allowed(&cci, &workspace, is_new, now).unwrap(), first);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = cci.join(PLACE).join(format!("{}.json", workspace.hash()));
        assert_eq!((mode(&cci.join(PLACE)), mode(&file)), (0o700, 0o600));
        fs::write(&file, "{").unwrap();
        assert!(allowed(&cci, &workspace, true, []).is_err(), "nothing is allowed by a record that cannot be read");
    }

    #[test]
    fn a_workspace_that_a_container_has_had_gets_none() {
        let home = tempfile::tempdir().unwrap();
        let now = || [link("planted", "/srv/data")];
        let workspace = Workspace::at("/w");
        assert!(allowed(home.path(), &workspace, false, now()).unwrap().is_empty());
        assert!(!home.path().join(PLACE).exists());
    }

    #[test]
    fn a_fork_has_what_its_origin_has() {
        let home = tempfile::tempdir().unwrap();
        let (origin, fork) = (Workspace::at("/w"), Workspace::at("/f"));
        let noted = Origin {
            workspace: origin.path().to_owned(),
            checkpoint: "0000000001".parse().unwrap(),
            fork: fork.path().to_owned(),
            at: String::new(),
            linked: None,
        };
        Checkpoints::note_origin(home.path(), &fork, &noted).unwrap();
        let planted = || [link("planted", "/srv/data")];
        assert!(allowed(home.path(), &fork, true, planted()).unwrap().is_empty(), "an agent may have made it there");
        let first = [link("data", "/srv/data")];
        allowed(home.path(), &origin, true, first.clone()).unwrap();
        assert_eq!(allowed(home.path(), &fork, true, planted()).unwrap(), first.into());
    }
}
