//! The lock that makes a supervisor the only one of its `~/.cci`. The kernel frees it with the process.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use cci_core::Result;
use cci_engine::blocking::blocking;
use cci_host::store::put::host;

use super::place::Place;

/// Held as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

fn open(place: &Place) -> Result<File> {
    place.sessions().make()?;
    let path = place.lock();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    file.map_err(host("open", &path))
}

/// Takes the lock, if nobody has it.
pub(super) fn take(place: &Place) -> Result<Option<Lock>> {
    let file = open(place)?;
    if file.try_lock().is_ok() { noted(place, file).map(Some) } else { Ok(None) }
}

/// Waits until nobody has it, at most this long; returns whether that is so.
pub(super) async fn is_freed(place: &Place, patience: Duration) -> Result<bool> {
    let (file, path) = (open(place)?, place.lock());
    // one that waits in vain keeps its thread until the process ends
    let wait = blocking(move || file.lock().map_err(host("lock", &path)));
    tokio::time::timeout(patience, wait).await.map_or(Ok(false), |freed| freed.map(|()| true))
}

/// Whether anybody holds it.
pub(super) fn is_held(place: &Place) -> bool {
    place.lock().exists() && open(place).is_ok_and(|file| file.try_lock().is_err())
}

/// Writes who holds it, for people and for tests.
fn noted(place: &Place, mut file: File) -> Result<Lock> {
    let failed = |error| host("write", &place.lock())(error);
    file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes())).map_err(failed)?;
    Ok(Lock { _file: file })
}
