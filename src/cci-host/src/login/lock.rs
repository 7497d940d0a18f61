//! The locks under which an agent renews its login, as the agent itself takes them: two directories, one after the other.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cci_agent::Locks;
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps, UTIME_NOW};
use serde_json::json;

use crate::store::directory;

/// How old a lock is that nobody holds any more.
const STALE: Duration = Duration::from_secs(60);
/// How often whoever holds a lock shows it.
pub const SHOWN: Duration = Duration::from_secs(5);

/// Both locks, which are given back when it is dropped.
#[derive(Debug)]
pub struct Lock {
    // given back before the first, as fields are dropped in their order, and both before what they are in
    second: Directory,
    first: Directory,
    owner: PathBuf,
    _within: directory::Directory,
}

/// A directory that is a lock, which is given back when it is dropped.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    identity: (u64, u64),
}

impl Lock {
    pub(super) fn try_take(within: directory::Directory, names: Locks) -> io::Result<Option<Self>> {
        let directory = within.path();
        let Some(first) = Directory::take(directory.join(names.first))? else { return Ok(None) };
        // the other name of the directory itself
        let mut second = directory.canonicalize()?.into_os_string();
        second.push(names.second);
        let Some(second) = Directory::take(second.into())? else { return Ok(None) };
        let owner = directory.join(names.owner);
        // nobody's own kind: whoever reads this waits until the lock is old, and does not look for the process
        let text = json!({ "pid": std::process::id(), "pidDomain": "cci", "pidSpace": "cci",
            "lockBirthtimeMs": first.born(), "legacyLockBirthtimeMs": second.born() });
        // it only explains
        let _ = fs::write(&owner, text.to_string());
        Ok(Some(Self { second, first, owner, _within: within }))
    }

    /// Shows that it is held; false if somebody has taken it.
    #[must_use]
    pub fn show(&self) -> bool {
        self.first.show() && self.second.show()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.first.is_ours() {
            let _ = fs::remove_file(&self.owner);
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

impl Directory {
    /// Makes it; takes over one that nobody has shown for long.
    fn take(path: PathBuf) -> io::Result<Option<Self>> {
        for _ in 0..2 {
            match fs::create_dir(&path) {
                Ok(()) => {
                    let there = fs::symlink_metadata(&path)?;
                    return Ok(Some(Self { path, identity: (there.dev(), there.ino()) }));
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) if !remove_stale(&path)? => return Ok(None),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn born(&self) -> u64 {
        let born = fs::symlink_metadata(&self.path).and_then(|there| there.created());
        let since = born.ok().and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or_default())
    }

    fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.identity)
    }

    fn show(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        self.is_ours() && rustix::fs::utimensat(CWD, &self.path, &times, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }
}

/// Removes a lock that nobody has shown for long; false if somebody holds it.
fn remove_stale(path: &Path) -> io::Result<bool> {
    let is_stale = |path: &Path| -> io::Result<Option<(u64, bool)>> {
        match fs::symlink_metadata(path) {
            Ok(there) => {
                let age = there.modified()?.elapsed().unwrap_or_default();
                Ok(Some((there.ino(), age > STALE)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    let Some((inode, stale)) = is_stale(path)? else { return Ok(true) };
    if !stale {
        return Ok(false);
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let aside = PathBuf::from(aside);
    match fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    }
    // somebody may have taken it over, and hold it, between the two
    if is_stale(&aside)? != Some((inode, true)) {
        let _ = rustix::fs::renameat_with(CWD, &aside, CWD, path, RenameFlags::NOREPLACE);
        return Ok(false);
    }
    fs::remove_dir_all(&aside)?;
    Ok(true)
}
