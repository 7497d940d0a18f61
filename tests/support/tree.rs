//! What a directory holds, as somebody sees it who has nothing to do with cci: to compare before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Every path below a directory, with kind, mode, time and content.
pub fn of(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    look(dir, Path::new(""), &mut all);
    all
}

/// The same without what is below a `.git`.
pub fn without_git(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = of(dir);
    all.retain(|path, _| !path.components().any(|part| part.as_os_str() == ".git"));
    all
}

/// What differs, line by line, for a message.
pub fn difference(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> String {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let differing = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let line = |path: &PathBuf| format!("{}: {:?} became {:?}", path.display(), before.get(path), after.get(path));
    differing.map(line).collect::<Vec<_>>().join("\n")
}

fn look(dir: &Path, below: &Path, all: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (path, at) = (entry.path(), below.join(entry.file_name()));
        let meta = path.symlink_metadata().unwrap();
        let kind = if meta.is_dir() {
            "directory".to_owned()
        } else if meta.is_symlink() {
            format!("link to {}", std::fs::read_link(&path).unwrap().display())
        } else {
            format!("file {:?}", Sha256::digest(std::fs::read(&path).unwrap()))
        };
        // a link's own mode says nothing
        let mode = if meta.is_symlink() { 0 } else { meta.mode() & 0o7777 };
        all.insert(at.clone(), format!("{kind} {mode:o} {}.{:09}", meta.mtime(), meta.mtime_nsec()));
        if meta.is_dir() {
            look(&path, &at, all);
        }
    }
}
