//! `~/.cci/links/`: the links of a workspace that lead out of it with the person's consent.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::workspace::Workspace;
use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::put::{self, PRIVATE, host};

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

/// What was noted of a workspace.
pub fn read(cci_dir: &Path, workspace: &Workspace) -> Result<Option<BTreeSet<Allowed>>> {
    let (path, mut bytes) = (path(cci_dir, workspace), Vec::new());
    let opened = Directory::kept(cci_dir, Path::new(PLACE)).and_then(|directory| directory.open(&name(workspace)));
    match opened.and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(host("read", &path)(error)),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| host("read", &path)(error.into()))
}

/// Notes it.
pub fn write(cci_dir: &Path, workspace: &Workspace, allowed: &BTreeSet<Allowed>) -> Result<()> {
    let path = path(cci_dir, workspace);
    let text = serde_json::to_vec(allowed).map_err(|error| host("write", &path)(error.into()))?;
    Directory::made(cci_dir, Path::new(PLACE)).map_err(host("create", &cci_dir.join(PLACE)))?;
    put::atomically(&path, &text, PRIVATE)
}

/// Forgets it, for a workspace that is removed.
pub fn forget(cci_dir: &Path, workspace: &Workspace) -> Result<()> {
    let path = path(cci_dir, workspace);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(host("remove", &path)(error)),
        _ => Ok(()),
    }
}

fn path(cci_dir: &Path, workspace: &Workspace) -> PathBuf {
    cci_dir.join(PLACE).join(name(workspace))
}

fn name(workspace: &Workspace) -> String {
    format!("{}.json", workspace.hash())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_noted_is_private_and_read_again_until_it_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let (cci, workspace) = (home.path().join(".cci"), Workspace::at("/w"));
        let links: BTreeSet<Allowed> = [Allowed { link: "data".into(), target: "/srv/data".into() }].into();
        assert_eq!(read(&cci, &workspace).unwrap(), None);
        write(&cci, &workspace, &links).unwrap();
        assert_eq!(read(&cci, &workspace).unwrap(), Some(links));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = path(&cci, &workspace);
        assert_eq!((mode(&cci.join(PLACE)), mode(&file)), (0o700, 0o600));
        fs::write(&file, "{").unwrap();
        assert!(read(&cci, &workspace).is_err(), "nothing is allowed by a note that cannot be read");
        forget(&cci, &workspace).unwrap();
        forget(&cci, &workspace).unwrap();
        assert_eq!(read(&cci, &workspace).unwrap(), None);
    }
}
