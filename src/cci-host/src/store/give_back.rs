//! Returns files in a user's own directories to that user: a `sudo` that keeps `HOME` has left them to root.

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::exact_dir::names;
use super::put::host;

/// How many entries of a tree are looked at: an agent can make any number of them.
pub const MOST: usize = 200_000;

/// What there is of root's in a tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Looked {
    /// The first entry that belongs to root and can be returned.
    pub first: Option<PathBuf>,
    /// Whether there is more in the tree than was looked at.
    pub is_part: bool,
}

/// Looks for entries of a tree that belong to root and can be returned, without following links. A directory that cannot
/// be entered belongs to root itself, or was closed by its owner.
#[must_use]
pub fn first_of_root(tree: &Path) -> Looked {
    first_of(0, tree, MOST)
}

fn first_of(owner: u32, tree: &Path, most: usize) -> Looked {
    let mut seen = 0;
    let found = walk(tree, Closed::PassedOver, |_, stat, path| {
        seen += 1;
        Ok(if is_to_return(stat, owner) {
            ControlFlow::Break(Looked { first: Some(path.to_owned()), is_part: false })
        } else if seen > most {
            ControlFlow::Break(Looked { first: None, is_part: true })
        } else {
            ControlFlow::Continue(())
        })
    });
    found.ok().flatten().unwrap_or(Looked { first: None, is_part: false })
}

/// Gives everything in a tree that belongs to root to the user; other users' files stay theirs.
pub fn give_back(tree: &Path, to: Ids) -> Result<()> {
    given_back(tree, 0, to).map_err(host("give back", tree))
}

fn given_back(tree: &Path, owner: u32, to: Ids) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
    let done = walk(tree, Closed::Fails, |there, stat, _| {
        if is_to_return(stat, owner) {
            rustix::fs::chownat(there, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?;
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    done.map(drop)
}

/// A file with a second link can be a system file.
fn is_to_return(stat: &Stat, owner: u32) -> bool {
    stat.st_uid == owner && (is_dir(stat) || stat.st_nlink == 1)
}

/// What becomes of a directory that may not be entered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    PassedOver,
    Fails,
}

/// A directory on the way down, with what in it has not been visited yet.
struct Level {
    identity: (u64, u64),
    left: Vec<OsString>,
}

/// Visits each entry of a tree of any depth until `visit` breaks off, and no link: with three directories open at most, of
/// which it goes back up only to the one that it came from.
///
/// What is visited was opened and checked: the user can put links and other files in its place meanwhile.
fn walk<B>(
    tree: &Path,
    closed: Closed,
    mut visit: impl FnMut(&OwnedFd, &Stat, &Path) -> io::Result<ControlFlow<B>>,
) -> io::Result<Option<B>> {
    let (mut path, mut levels) = (tree.to_owned(), Vec::<Level>::new());
    let mut here: Option<OwnedFd> = None;
    let mut next = Some(OsString::new());
    loop {
        if let Some(name) = next.take() {
            let opened = match &here {
                Some(here) => open(here, Path::new(&name), closed)?,
                None => open(CWD, tree, closed)?,
            };
            if let Some(there) = opened {
                let stat = rustix::fs::fstat(&there)?;
                if here.is_some() {
                    path.push(&name);
                }
                if let ControlFlow::Break(found) = visit(&there, &stat, &path)? {
                    return Ok(Some(found));
                }
                if is_dir(&stat) {
                    levels.push(Level { identity: identity(&stat), left: entries(&there, closed)? });
                    here = Some(there);
                } else {
                    path.pop();
                }
            }
        }
        let Some(level) = levels.last_mut() else { return Ok(None) };
        next = level.left.pop();
        if next.is_none() {
            levels.pop();
            path.pop();
            let Some(above) = levels.last() else { return Ok(None) };
            here = here.map(|here| back(&here, above)).transpose()?;
        }
    }
}

fn open(dir: impl AsFd, name: &Path, closed: Closed) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(there) => Ok(Some(there)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::ACCESS) if closed == Closed::PassedOver => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn entries(there: &OwnedFd, closed: Closed) -> io::Result<Vec<OsString>> {
    match rustix::fs::openat(there, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(readable) => names(&readable),
        Err(Errno::ACCESS) if closed == Closed::PassedOver => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The directory above, if it still is the one that was come from.
fn back(here: &OwnedFd, above: &Level) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let there = rustix::fs::openat(here, "..", flags, Mode::empty())?;
    if identity(&rustix::fs::fstat(&there)?) == above.identity {
        Ok(there)
    } else {
        Err(io::Error::other("a directory in it was moved meanwhile"))
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::remove::{self, plant_deep};

    fn me() -> Ids {
        Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    /// In memory if possible: on a busy disk a deep tree takes minutes.
    fn dir() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
    }

    #[test]
    fn a_tree_of_any_depth_is_walked_with_few_files_open() {
        let dir = dir();
        plant_deep(dir.path(), 20_000);
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let (mut visited, mut most) = (0, 0);
        let walked = walk(dir.path(), Closed::Fails, |_, _, _| {
            visited += 1;
            if visited % 1000 == 0 {
                most = most.max(open());
            }
            Ok(ControlFlow::<()>::Continue(()))
        });
        walked.unwrap();
        assert_eq!(visited, 20_001);
        assert!(most < 500, "{most} files are open");
        given_back(dir.path(), me().uid, me()).unwrap();
        remove::path(&dir.path().canonicalize().unwrap().join("d")).unwrap();
    }

    #[test]
    fn what_belongs_to_an_owner_is_found_behind_no_link_and_each_entry_is_visited_once() {
        let (dir, outside) = (dir(), dir());
        for path in ["a/b/c", "a/d", "e"] {
            let place = dir.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "").unwrap();
        }
        fs::write(outside.path().join("x"), "").unwrap();
        symlink(outside.path(), dir.path().join("link")).unwrap();
        let mut visited = Vec::new();
        let walked = walk(dir.path(), Closed::Fails, |_, _, path| {
            visited.push(path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned());
            Ok(ControlFlow::<()>::Continue(()))
        });
        walked.unwrap();
        visited.sort();
        assert_eq!(visited, ["", "a", "a/b", "a/b/c", "a/d", "e", "link"]);
        let first = |uid, most| first_of(uid, dir.path(), most);
        assert_eq!(first(me().uid, 1), Looked { first: Some(dir.path().to_owned()), is_part: false });
        assert_eq!(first(me().uid + 1, 7), Looked { first: None, is_part: false });
        assert_eq!(first(me().uid + 1, 6), Looked { first: None, is_part: true }, "a limit is told");
        assert_eq!(first_of(0, Path::new("/nonexistent/x"), 1), Looked { first: None, is_part: false });
    }

    #[test]
    fn a_file_with_a_second_name_is_not_returned() {
        let dir = dir();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(first_of(me().uid, &file, 9).first.as_ref(), Some(&file));
        fs::hard_link(&file, dir.path().join("again")).unwrap();
        assert_eq!(first_of(me().uid, &file, 9).first, None);
    }
}
