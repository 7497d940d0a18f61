//! The repositories of a workspace's remotes as they were when it first had to do with a token: an agent can write the
//! configuration of the repository, and would choose them later.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cci_core::Result;
use cci_core::secret::Remote;
use cci_core::workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::git;
use crate::store::checkpoints::Checkpoints;
use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE, host};

/// No file is larger.
const LARGEST: u64 = 1024 * 1024;

/// The remotes of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSeen {
    /// Those that it had then.
    pub remotes: Vec<Remote>,
    /// Whether that is now.
    pub is_new: bool,
    /// Those that have come since.
    pub since: Vec<Remote>,
}

#[derive(Serialize, Deserialize)]
struct Noted {
    remotes: Vec<Remote>,
}

/// Reads what was noted, or notes what is there now. A fork has what its origin has.
pub fn first_seen(cci_dir: &Path, workspace: &Workspace) -> Result<FirstSeen> {
    let origin = Checkpoints::origin_of(cci_dir, workspace)?.map(|origin| Workspace::at(origin.workspace));
    let first = origin.as_ref().unwrap_or(workspace);
    let (place, file) = (Path::new("repositories"), format!("{}.json", first.hash()));
    let path = cci_dir.join(place).join(&file);
    let now = git::remotes(workspace.path());
    let kept = Directory::kept(cci_dir, place).and_then(|directory| directory.open(&file));
    if let Some(Noted { remotes }) = noted(kept, &path)? {
        let since = now.into_iter().filter(|remote| !remotes.contains(remote)).collect();
        return Ok(FirstSeen { remotes, is_new: false, since });
    }
    let remotes = if origin.is_some() { git::remotes(first.path()) } else { now.clone() };
    let directory = Directory::made(cci_dir, place).map_err(host("create", &cci_dir.join(place)))?;
    let text =
        serde_json::to_vec(&Noted { remotes: remotes.clone() }).map_err(|error| host("write", &path)(error.into()))?;
    put::atomically(&directory.path().join(&file), &text, PRIVATE)?;
    let since = now.into_iter().filter(|remote| !remotes.contains(remote)).collect();
    Ok(FirstSeen { remotes, is_new: true, since })
}

fn noted(kept: io::Result<File>, path: &Path) -> Result<Option<Noted>> {
    let mut bytes = Vec::new();
    match kept {
        Ok(file) => file.take(LARGEST).read_to_end(&mut bytes).map_err(host("read", path))?,
        Err(error) if crate::way::is_missing(&error) => return Ok(None),
        Err(error) => return Err(host("read", path)(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| host("read", path)(error.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn repository(workspace: &Path, urls: &[&str]) {
        fs::create_dir_all(workspace.join(".git")).unwrap();
        let section = |(number, url)| format!("[remote \"r{number}\"]\nurl = {url}\n");
        let sections: Vec<String> = urls.iter().enumerate().map(section).collect();
        fs::write(workspace.join(".git/config"), sections.concat()).unwrap();
    }

    fn shown(remotes: &[Remote]) -> Vec<String> {
        remotes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_added_later_is_named_and_does_not_count() {
        let home = tempfile::tempdir().unwrap();
        let (cci, path) = (home.path().join(".cci"), home.path().join("w"));
        let workspace = Workspace::at(&path);
        repository(&path, &["git@github.com:ann/tool.git"]);
        let first = first_seen(&cci, &workspace).unwrap();
        assert_eq!((shown(&first.remotes), first.is_new), (vec!["github.com/ann/tool".to_owned()], true));
        repository(&path, &["https://github.com/ann/private", "https://github.com/ann/tool"]);
        let later = first_seen(&cci, &workspace).unwrap();
        assert_eq!((shown(&later.remotes), later.is_new), (vec!["github.com/ann/tool".to_owned()], false));
        assert_eq!(shown(&later.since), ["github.com/ann/private"]);
    }

    #[test]
    fn a_workspace_that_had_none_gets_none() {
        let home = tempfile::tempdir().unwrap();
        let (cci, path) = (home.path().join(".cci"), home.path().join("w"));
        let workspace = Workspace::at(&path);
        assert_eq!(first_seen(&cci, &workspace).unwrap(), FirstSeen { is_new: true, ..FirstSeen::default() });
        repository(&path, &["https://github.com/ann/private"]);
        let later = first_seen(&cci, &workspace).unwrap();
        assert_eq!((later.remotes.len(), shown(&later.since)), (0, vec!["github.com/ann/private".to_owned()]));
    }
}
