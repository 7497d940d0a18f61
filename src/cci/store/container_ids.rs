//! `~/.cci/container-ids`: the host ids that containers of this user have had, one range on a line.
//!
//! A container that is gone leaves files of its root behind, and this is all that says whose they were.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::container_ids::HostIds;

use super::put::{PRIVATE, host};

/// The ranges that are noted.
pub(crate) fn noted(cci_dir: &Path) -> Result<BTreeSet<HostIds>> {
    let path = file(cci_dir);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter_map(HostIds::parse).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(host("read", &path)(error)),
    }
}

/// Notes a range, once.
pub(crate) fn note(cci_dir: &Path, ids: HostIds) -> Result<()> {
    if noted(cci_dir)?.contains(&ids) {
        return Ok(());
    }
    let path = file(cci_dir);
    // one short write at the end: of several commands at once none takes another's line away
    let mut list =
        OpenOptions::new().append(true).create(true).mode(PRIVATE).open(&path).map_err(host("open", &path))?;
    list.write_all(format!("{ids}\n").as_bytes()).map_err(host("write", &path))
}

fn file(cci_dir: &Path) -> PathBuf {
    cci_dir.join("container-ids")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (HostIds { first: 1_131_072, count: 65_536 }, HostIds { first: 1_065_536, count: 65_536 });
        for ids in [one, two, one] {
            note(dir.path(), ids).unwrap();
        }
        assert_eq!(noted(dir.path()).unwrap(), [two, one].into());
        assert_eq!(fs::read_to_string(file(dir.path())).unwrap().lines().count(), 2);
    }
}
