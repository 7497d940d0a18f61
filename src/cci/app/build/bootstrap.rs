//! Installs a distribution into a tarball by `mmdebstrap`, which works as root and as an ordinary user.
//!
//! This and `cci setup` are the only places where cci runs programs of the host.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cci_core::build::bootstrap::{arguments, has_subordinate_ids};
use cci_core::build::failure::told;
use cci_core::build::source::Suite;
use cci_core::{Error, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::BufReader;
use tokio::process::{Child, Command};

use super::log::Log;
use crate::app::context::Context;
use crate::host::signals;

/// How long it may take to remove what it made, once it was told to stop.
const CLEAN_UP: Duration = Duration::from_secs(20);

/// Writes the root file system of a suite; an interrupt ends the program and what it made.
pub(crate) async fn bootstrap(cx: &Context, suite: &Suite, rootfs: &Path, log: &Log) -> Result<()> {
    if cx.caller.ids.uid != 0 {
        maps_users(cx).await?;
    }
    let mut child = start(suite, rootfs)?;
    let output = child.stderr.take().map(BufReader::new);
    let run = async {
        let last = match output {
            Some(output) => log.take_down(output).await?,
            None => std::collections::VecDeque::new(),
        };
        let status = child.wait().await.map_err(|source| failed("wait for", source))?;
        Ok((status, last))
    };
    let ended = tokio::select! {
        biased;
        () = signals::interrupted() => None,
        ended = run => Some(ended),
    };
    let Some(ended) = ended else {
        stop(child).await;
        return Err(Error::Interrupted);
    };
    let (status, last) = ended?;
    if status.success() {
        return Ok(());
    }
    Err(Error::StepFailed {
        step: format!("bootstrap of {}", suite.as_str()),
        problem: told(status.code().unwrap_or(137), last.iter().map(String::as_str)),
        hint: Some(log.hint()),
    })
}

/// A process group of its own, so that the terminal's Ctrl-C reaches it by us only, and all of it.
fn start(suite: &Suite, rootfs: &Path) -> Result<Child> {
    let mut command = Command::new("mmdebstrap");
    command.args(arguments(suite)).arg(rootfs);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    command.spawn().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::HostUnfit {
            problem: "cannot bootstrap: mmdebstrap is not installed".into(),
            hint: Some("`cci setup` installs it; or use another source: `cci build --from images:debian/12`".into()),
        },
        _ => failed("start", source),
    })
}

/// It removes what it made when it is told to stop; killed at once it could not.
async fn stop(mut child: Child) {
    if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // it may have ended in this moment
        let _ = kill_process_group(group, Signal::TERM);
    }
    let _ = tokio::time::timeout(CLEAN_UP, child.wait()).await;
}

/// An ordinary user bootstraps in a user namespace, for which the administrator must have set ids aside.
async fn maps_users(cx: &Context) -> Result<()> {
    let user = cx.caller.var("USER").unwrap_or_default();
    for table in ["/etc/subuid", "/etc/subgid"] {
        let text = tokio::fs::read_to_string(table).await.unwrap_or_default();
        if !has_subordinate_ids(&text, user, cx.caller.ids.uid) {
            return Err(Error::HostUnfit {
                problem: format!("cannot bootstrap as an ordinary user: {table} has no range for user {}", cx.caller.ids.uid),
                hint: Some("`cci setup` adds it; or use another source: `cci build --from images:debian/12`".into()),
            });
        }
    }
    Ok(())
}

fn failed(step: &'static str, source: std::io::Error) -> Error {
    Error::Host { step, path: "mmdebstrap".into(), source }
}
