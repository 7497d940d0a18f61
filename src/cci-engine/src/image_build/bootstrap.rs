//! Installs a distribution into a tarball with `mmdebstrap`, in a user namespace: even as root its packages touch
//! nothing.
//!
//! This and `cci setup` are the only places where cci runs programs of the host.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cci_core::build::bootstrap::{arguments, has_subordinate_ids};
use cci_core::build::source::Suite;
use cci_core::idmap::{SUBGID, SUBUID};
use cci_core::{Error, Result};
use cci_guest::output;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::log::Log;
use crate::blocking::blocking;
use crate::context::Context;
use cci_host::accounts::Account;
use cci_host::system_file;

/// How long it may take to remove what it created, once it was told to stop.
const CLEAN_UP: Duration = Duration::from_secs(20);

/// Writes the root file system of a suite; an interrupt stops the program and removes what it created.
pub(crate) async fn bootstrap(cx: &Context, suite: &Suite, rootfs: &Path, log: &Log) -> Result<()> {
    maps_users(cx).await?;
    let mut child = start(suite, rootfs, log).await?;
    let ended = tokio::select! {
        biased;
        () = cx.scope.cancelled() => None,
        status = child.wait() => Some(status),
    };
    let Some(ended) = ended else {
        stop(&child);
        // it removes what it created before it exits
        let _ = tokio::time::timeout(CLEAN_UP, child.wait()).await;
        return Err(Error::Interrupted);
    };
    let status = ended.map_err(|source| failed("wait for", source))?;
    if status.success() {
        return Ok(());
    }
    let last = log.last_lines().await?;
    Err(Error::StepFailed {
        step: format!("bootstrap of {}", suite.as_str()),
        problem: output::failure(status.code().unwrap_or(137), last.iter().map(String::as_str)),
        hint: Some(log.hint()),
    })
}

/// It writes into the log itself, so that it can clean up even after cci has exited, and is a process group of its own,
/// so that the terminal's Ctrl-C reaches it only through us.
async fn start(suite: &Suite, rootfs: &Path, log: &Log) -> Result<Child> {
    let mut command = Command::new("mmdebstrap");
    command.args(arguments(suite)).arg(rootfs);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.for_a_program().await?).process_group(0);
    command.spawn().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::HostUnfit {
            problem: "cannot bootstrap: mmdebstrap is not installed".into(),
            hint: Some("`cci setup` installs it; or use another source: `cci build --from images:debian/13`".into()),
        },
        _ => failed("start", source),
    })
}

/// Asks the whole group to terminate.
fn stop(child: &Child) {
    if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // it may have exited just now
        let _ = kill_process_group(group, Signal::TERM);
    }
}

/// A user namespace needs ids that the administrator has reserved for this user.
async fn maps_users(cx: &Context) -> Result<()> {
    let uid = cx.caller.ids.uid;
    let user = Account::of_uid(uid).map(|account| account.name).unwrap_or_default();
    for table in [SUBUID, SUBGID] {
        let content = blocking(move || system_file::read(Path::new(table))).await?;
        if !has_subordinate_ids(&content, &user, uid) {
            return Err(Error::HostUnfit {
                problem: format!("cannot bootstrap: {table} has no range of ids for user {uid}"),
                hint: Some("`cci setup` adds it; or use another source: `cci build --from images:debian/13`".into()),
            });
        }
    }
    Ok(())
}

fn failed(step: &'static str, source: std::io::Error) -> Error {
    Error::Host { step, path: "mmdebstrap".into(), source }
}
