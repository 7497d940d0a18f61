//! The lock that `usermod` and its kin hold while they change a table of accounts.
//!
//! It has two parts, as in `lckpwdf(3)` and the shadow suite: a lock by `fcntl(2)` on `.pwd.lock`, and a file `TABLE.lock`
//! with the holder's process id, made by `link(2)`. A process that has ended holds nothing: its file is removed.

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
/// How often a lock that is held is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// A table that nobody else changes while this lives.
#[derive(Debug)]
pub struct Locked {
    file: PathBuf,
    /// Closing it ends the other lock.
    _accounts: File,
}

impl Drop for Locked {
    fn drop(&mut self) {
        // one that stays is known by its process id to be of no use
        let _ = fs::remove_file(&self.file);
    }
}

/// Waits until nobody else changes the tables, at most so long.
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
    while !taken(&file).map_err(host("lock", &file))? {
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
        hint: Some("let `usermod` or whatever it is end, then run `cci setup` again".into()),
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

/// Makes the file with this process's id in it, in one step; false where somebody else's is there.
fn taken(lock: &Path) -> io::Result<bool> {
    let dir = lock.parent().unwrap_or(Path::new("/"));
    let mut own = tempfile::Builder::new().prefix(lock.file_name().unwrap_or_default()).tempfile_in(dir)?;
    write!(own, "{}", std::process::id())?;
    match fs::hard_link(own.path(), lock) {
        // as the shadow suite looks, for file systems that err here
        Ok(()) => Ok(own.as_file().metadata()?.nlink() == 2),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // whoever removes a left file holds the first lock, so that nobody removes the next one's
            if holder(lock).is_some_and(has_ended) {
                fs::remove_file(lock)?;
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The process in a lock file; one that says nothing has a holder all the same.
fn holder(lock: &Path) -> Option<Pid> {
    let mut said = String::new();
    File::open(lock).ok()?.take(32).read_to_string(&mut said).ok()?;
    Pid::from_raw(said.trim_matches(['\0', '\n', ' ']).parse().ok()?)
}

fn has_ended(pid: Pid) -> bool {
    test_kill_process(pid) == Err(Errno::SRCH)
}
