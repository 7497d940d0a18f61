//! The lock that `usermod` and related tools hold while they change a table of accounts.
//!
//! It has two parts, as in `lckpwdf(3)` and the shadow suite: a lock by `fcntl(2)` on `.pwd.lock`, and a file
//! `TABLE.lock` with the holder's process id, created by `link(2)`. An exited process holds nothing: its file is
//! removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cci_core::{Error, Result};
use cci_guest::GuestText;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::store::put::host;

/// How long `lckpwdf(3)` waits, too.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// How often to retry a lock that is held.
const AGAIN: Duration = Duration::from_millis(50);

/// A table that nobody else changes while this lives.
#[derive(Debug)]
pub struct Locked {
    file: PathBuf,
    /// Closing it releases the other lock.
    _accounts: File,
}

impl Drop for Locked {
    fn drop(&mut self) {
        // a leftover file is recognised as stale by its process id
        let _ = fs::remove_file(&self.file);
    }
}

/// Waits until nobody else changes the tables, at most this long.
pub async fn lock(table: &Path, patience: Duration) -> Result<Locked> {
    let until = Instant::now() + patience;
    let accounts_lock = table.with_file_name(".pwd.lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&accounts_lock);
    let accounts = open.map_err(host("open", &accounts_lock))?;
    while !locked(&accounts).map_err(host("lock", &accounts_lock))? {
        wait(until, &accounts_lock).await?;
    }
    let mut name = table.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let file = table.with_file_name(name);
    while !create_lock_file(&file).map_err(host("lock", &file))? {
        wait(until, &file).await?;
    }
    Ok(Locked { file, _accounts: accounts })
}

async fn wait(until: Instant, lock: &Path) -> Result<()> {
    if Instant::now() < until {
        tokio::time::sleep(AGAIN).await;
        return Ok(());
    }
    let holder = holder(lock).map(|pid| format!("process {} holds ", pid.as_raw_nonzero())).unwrap_or_default();
    let lock = GuestText::new(lock);
    Err(Error::StepFailed {
        step: "waiting for the lock of the tables of accounts".into(),
        problem: if holder.is_empty() { format!("another program holds {lock}") } else { format!("{holder}{lock}") },
        hint: Some("wait until that program exits, then run `cci setup` again".into()),
    })
}

/// Whether the whole file is locked by this process now.
fn locked(file: &File) -> io::Result<bool> {
    match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::ACCESS | Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Creates the file with this process's id in it, atomically; false if another one exists.
fn create_lock_file(lock: &Path) -> io::Result<bool> {
    let dir = lock.parent().unwrap_or(Path::new("/"));
    let mut own = tempfile::Builder::new().prefix(lock.file_name().unwrap_or_default()).tempfile_in(dir)?;
    write!(own, "{}", std::process::id())?;
    match fs::hard_link(own.path(), lock) {
        // checked like in the shadow suite, for file systems that report wrong results here
        Ok(()) => Ok(own.as_file().metadata()?.nlink() == 2),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // only a holder of the first lock removes a stale file, so that nobody removes the next one's
            if holder(lock).is_some_and(has_ended) {
                fs::remove_file(lock)?;
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The process in a lock file; an empty file has a holder too.
fn holder(lock: &Path) -> Option<Pid> {
    let mut said = String::new();
    File::open(lock).ok()?.take(32).read_to_string(&mut said).ok()?;
    Pid::from_raw(said.trim_matches(['\0', '\n', ' ']).parse().ok()?)
}

fn has_ended(pid: Pid) -> bool {
    test_kill_process(pid) == Err(Errno::SRCH)
}
