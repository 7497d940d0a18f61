//! `~/.cci/guest-places`: what of the host containers of this user could write, each ended by a NUL.
//!
//! Links in such a place are the containers', also when they are gone; Incus knows of those only that are still there.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_core::Result;

use super::put::{PRIVATE, host};

/// The places that are noted.
pub(crate) fn noted(cci_dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let path = file(cci_dir);
    match fs::read(&path) {
        Ok(text) => Ok(text.split(|byte| *byte == 0).filter_map(place).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(host("read", &path)(error)),
    }
}

/// Notes places, each once.
pub(crate) fn note<'a>(cci_dir: &Path, places: impl Iterator<Item = &'a str>) -> Result<()> {
    let known = noted(cci_dir)?;
    let mut new = String::new();
    for place in places.filter(|place| !known.contains(Path::new(place))) {
        new.extend([place, "\0"]);
    }
    if new.is_empty() {
        return Ok(());
    }
    let path = file(cci_dir);
    // one short write at the end: of several commands at once none takes another's line away
    let mut list =
        OpenOptions::new().append(true).create(true).mode(PRIVATE).open(&path).map_err(host("open", &path))?;
    list.write_all(new.as_bytes()).map_err(host("write", &path))
}

fn place(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.starts_with('/').then(|| PathBuf::from(text))
}

fn file(cci_dir: &Path) -> PathBuf {
    cci_dir.join("guest-places")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        for places in [&["/a", "/b\nc"][..], &["/a"], &["/d"]] {
            note(dir.path(), places.iter().copied()).unwrap();
        }
        let all: BTreeSet<PathBuf> = ["/a", "/b\nc", "/d"].map(PathBuf::from).into();
        assert_eq!(noted(dir.path()).unwrap(), all);
        let text = fs::read_to_string(file(dir.path())).unwrap();
        assert_eq!(text.matches('\0').count(), 3);
    }
}
