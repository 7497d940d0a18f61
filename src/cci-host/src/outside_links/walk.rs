//! Finds the links that lead out, the ones near the top first. A container that runs may move directories meanwhile: none
//! is reached through a link.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cci_core::outside_link::{Outside, leads_out};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};

/// How deep it is searched: a directory at the top is at 1.
const DEEPEST: usize = 6;
/// How many names are looked at.
const NAMES: usize = 20_000;
/// How many links that lead out are of interest.
const LINKS: usize = 256;
/// Directories that are not entered: what they have is git's, or is installed anew for each machine.
const LEFT_OUT: [&[u8]; 2] = [b".git", b"node_modules"];

const OPENS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
/// Nothing that is mounted below the workspace is entered either: a container does not see it.
const WITHIN: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_XDEV);

/// The links that lead out of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// These, in the order of their names.
    pub links: Vec<Outside>,
    /// Whether there is more than was searched.
    pub is_cut: bool,
}

/// Finds those of a workspace, whose path has no links; `at_home` is whether the container works in it at that path.
pub fn find(root: &Path, at_home: bool) -> io::Result<Found> {
    find_within(root, at_home, NAMES)
}

fn find_within(root: &Path, at_home: bool, mut names: usize) -> io::Result<Found> {
    let top = rustix::fs::open(root, OPENS, Mode::empty())?;
    let (mut found, mut waiting) = (Found::default(), VecDeque::from([(PathBuf::new(), 1)]));
    while let Some((below, depth)) = waiting.pop_front() {
        // one that is gone, closed to the caller, or something else by now
        let Ok(directory) = open(&top, &below) else { continue };
        for entry in Dir::read_from(&directory)?.flatten() {
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names == 0 || found.links.len() == LINKS {
                found.is_cut = true;
                break;
            }
            names -= 1;
            let path = below.join(OsStr::from_bytes(name));
            match kind(&directory, entry.file_type(), name) {
                FileType::Symlink => found.links.extend(outside(&directory, &path, (root, at_home))),
                FileType::Directory if LEFT_OUT.contains(&name) => {}
                FileType::Directory if depth < DEEPEST => waiting.push_back((path, depth + 1)),
                _ => {}
            }
        }
        if found.is_cut {
            break;
        }
    }
    found.links.sort();
    Ok(found)
}

fn open(top: &OwnedFd, below: &Path) -> rustix::io::Result<OwnedFd> {
    let path = if below == Path::new("") { Path::new(".") } else { below };
    rustix::fs::openat2(top, path, OPENS, Mode::empty(), WITHIN)
}

/// Some file systems say of a name only on request what it is.
fn kind(directory: &OwnedFd, listed: FileType, name: &[u8]) -> FileType {
    if listed != FileType::Unknown {
        return listed;
    }
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
}

fn outside(directory: &OwnedFd, path: &Path, (root, at_home): (&Path, bool)) -> Option<Outside> {
    let text = rustix::fs::readlinkat(directory, path.file_name()?, Vec::new()).ok()?;
    leads_out(path, Path::new(OsStr::from_bytes(text.to_bytes())), root, at_home)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("proj");
        fs::create_dir(&root).unwrap();
        (dir, root)
    }

    fn links(found: &Found) -> Vec<&str> {
        found.links.iter().map(|outside| outside.link.to_str().unwrap()).collect()
    }

    #[test]
    fn links_out_are_found_where_they_are_looked_for_and_none_is_followed() {
        let (dir, root) = workspace();
        fs::create_dir_all(dir.path().join("elsewhere/deep")).unwrap();
        symlink("/srv", dir.path().join("elsewhere/deep/link")).unwrap();
        for (place, text) in [
            ("out", "/srv/data"),
            ("inside", "a/b"),
            ("a/b/up", "../../../elsewhere"),
            ("a/b/c/d/e/six", "/srv"),
            ("a/b/c/d/e/f/seven", "/srv"),
            (".git/objects", "/srv"),
            ("web/node_modules/x", "/srv"),
        ] {
            fs::create_dir_all(root.join(place).parent().unwrap()).unwrap();
            symlink(text, root.join(place)).unwrap();
        }
        let found = find(&root, false).unwrap();
        assert_eq!(links(&found), ["a/b/c/d/e/six", "a/b/up", "out"]);
        assert!(!found.is_cut);
        assert_eq!(found.links[1].container, Path::new("/elsewhere"));
        assert_eq!(find(&root, true).unwrap().links[1].container, dir.path().canonicalize().unwrap().join("elsewhere"));
    }

    #[test]
    fn a_search_ends_at_its_bound_and_says_so() {
        let (_dir, root) = workspace();
        for number in 0..20 {
            fs::create_dir(root.join(number.to_string())).unwrap();
            symlink("/srv", root.join(format!("{number}/link"))).unwrap();
        }
        let found = find_within(&root, false, 25).unwrap();
        assert!(found.is_cut && found.links.len() <= 5, "{found:?}");
        let found = find_within(&root, false, 40).unwrap();
        assert!(!found.is_cut && found.links.len() == 20);
        for number in 0..=LINKS {
            symlink("/srv", root.join(format!("l{number}"))).unwrap();
        }
        let found = find(&root, false).unwrap();
        assert!(found.is_cut && found.links.len() == LINKS);
    }
}
