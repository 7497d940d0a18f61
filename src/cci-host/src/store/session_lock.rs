//! A session's directory, held: by whoever resumes the session until a container has it, and by whoever removes it.
//!
//! The lock is on the directory itself, so that nothing is left of it and every home that shares the store sees it. Where the
//! file system knows no such locks, nobody is kept out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Keeps a session from being removed as long as it lives.
#[derive(Debug)]
pub struct Resuming {
    _dir: File,
}

/// Keeps a session from being resumed as long as it lives.
#[derive(Debug)]
pub struct Removing {
    _dir: File,
}

/// What becomes of a wish to remove.
#[derive(Debug)]
pub enum Removal {
    /// It can be removed.
    Free(Removing),
    /// Somebody resumes it.
    Busy,
    /// It is gone.
    Gone,
}

/// Holds a session that is to be resumed, as soon as nobody is removing it; `None` if it is gone by then.
pub fn resume(dir: &Path) -> io::Result<Option<Resuming>> {
    let Some(held) = opened(dir)? else { return Ok(None) };
    let _ = held.lock_shared();
    Ok(is_there(dir, &held).then_some(Resuming { _dir: held }))
}

/// Holds a session that is to be removed, if nobody resumes it.
pub fn remove(dir: &Path) -> io::Result<Removal> {
    let Some(held) = opened(dir)? else { return Ok(Removal::Gone) };
    if matches!(held.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(Removal::Busy);
    }
    Ok(if is_there(dir, &held) { Removal::Free(Removing { _dir: held }) } else { Removal::Gone })
}

fn opened(dir: &Path) -> io::Result<Option<File>> {
    match File::open(dir) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the directory that was opened still has its name.
fn is_there(dir: &Path, held: &File) -> bool {
    let (Ok(there), Ok(held)) = (fs::metadata(dir), held.metadata()) else { return false };
    (there.dev(), there.ino()) == (held.dev(), held.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_being_resumed_is_not_removed_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let first = resume(dir.path()).unwrap().unwrap();
        let second = resume(dir.path()).unwrap().expect("two launches may find out by themselves who is first");
        assert!(matches!(remove(dir.path()).unwrap(), Removal::Busy));
        drop(first);
        assert!(matches!(remove(dir.path()).unwrap(), Removal::Busy));
        drop(second);
        assert!(matches!(remove(dir.path()).unwrap(), Removal::Free(_)));
    }

    #[test]
    fn whoever_waited_for_a_removal_finds_nothing_to_resume() {
        let store = tempfile::tempdir().unwrap();
        let dir = store.path().join("session");
        fs::create_dir(&dir).unwrap();
        let Removal::Free(removing) = remove(&dir).unwrap() else { panic!("nobody resumes it") };
        let resumed = std::thread::scope(|scope| {
            let waits = scope.spawn(|| resume(&dir).unwrap());
            // another directory of the name is another session
            fs::remove_dir(&dir).unwrap();
            fs::create_dir(&dir).unwrap();
            drop(removing);
            waits.join().unwrap()
        });
        // it may have come so late that it found the new one, and holds that
        assert_eq!(matches!(remove(&dir).unwrap(), Removal::Busy), resumed.is_some());
        drop(resumed);
        fs::remove_dir(&dir).unwrap();
        assert!(resume(&dir).unwrap().is_none());
        assert!(matches!(remove(&dir).unwrap(), Removal::Gone));
    }
}
