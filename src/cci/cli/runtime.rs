//! The runtime of a call, which the exit of the program ends.

use cci_core::{Error, Result};

/// Runs a call to its end.
///
/// Nothing waits for the runtime's threads afterwards: a blocked read of the terminal must not delay the exit. Nor is the
/// runtime shut down, which would detach them: glibc 2.36 crashes where a thread ends at the moment it is detached.
pub(super) fn carry_out<T>(call: impl Future<Output = T>) -> Result<T> {
    may_start_threads()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Internal(format!("no runtime: {source}")))?;
    let done = runtime.block_on(call);
    std::mem::forget(runtime);
    Ok(done)
}

/// The runtime takes for granted that it can start its first thread.
fn may_start_threads() -> Result<()> {
    let started = std::thread::Builder::new().spawn(|| ()).map(std::thread::JoinHandle::join);
    started.map(drop).map_err(|error| Error::HostUnfit {
        problem: format!("cannot start a thread: {error}"),
        hint: Some("end other programs, or raise the limit of processes: `ulimit -u`".into()),
    })
}
