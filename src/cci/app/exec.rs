//! Starts a command in a container, again where Incus gave it up before it ran, and knows when it begins.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cci_core::environment::WORKSPACE;
use cci_core::exports;
use cci_core::{Error, Result};
use cci_incus::{Exec, Process, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::context::Context;
use super::incus_error::DuringStep;
use crate::host::signals;

/// How long a start is tried: Incus gives up a command that it cannot start while the container boots, or that is not
/// connected within ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// How a start went.
pub(crate) enum Begun {
    /// The command runs.
    Runs(Process),
    /// What is before it ended with this status.
    Refused(i32),
}

/// Says that the command begins, and becomes it in the environment that answers; only then, since Incus can give up a
/// command that is under way already, and it must not run twice.
fn begin_script() -> String {
    format!("{}exec \"$@\"", exports::READ)
}

/// The argv that runs `before`, says that the command begins, and becomes it.
pub(crate) fn announced(before: &str, argv: &[String]) -> Vec<String> {
    let script = format!("{before}{}", begin_script());
    ["sh", "-c", &script, "cci"].map(str::to_owned).into_iter().chain(argv.iter().cloned()).collect()
}

/// The status of a start whose directory cannot be entered.
pub(crate) const NO_DIRECTORY: i32 = 98;

/// The argv that enters a directory, says that the command begins, and becomes it; without a directory the workspace,
/// where there is one.
pub(crate) fn announced_in(cwd: Option<&str>, argv: &[String]) -> Vec<String> {
    let enter = match cwd {
        Some(_) => "cd -- \"$1\" 2>/dev/null || exit 98; ",
        None => "cd \"$1\" 2>/dev/null || cd /; ",
    };
    let script = format!("{enter}shift; {}", begin_script());
    let words = ["sh", "-c", &script, "cci", cwd.unwrap_or(WORKSPACE)].map(str::to_owned);
    words.into_iter().chain(argv.iter().cloned()).collect()
}

/// Starts an announced command; its first byte of output is the announcement, which is taken away here and answered with
/// the environment.
pub(crate) async fn start(cx: &Context, name: &str, exec: &Exec, step: &str) -> Result<Begun> {
    tokio::select! {
        biased;
        () = signals::interrupted() => Err(Error::Interrupted),
        begun = until_it_begins(cx, name, exec) => begun.during(step),
    }
}

async fn until_it_begins(cx: &Context, name: &str, exec: &Exec) -> cci_incus::Result<Begun> {
    let end = Instant::now() + PATIENCE;
    loop {
        match begin(cx, name, exec).await {
            Err(error) if (error.is_not_run() || error.is_timed_out()) && Instant::now() < end => {
                tracing::info!(name, %error, "the command did not begin, trying again");
            }
            begun => return begun,
        }
    }
}

async fn begin(cx: &Context, name: &str, exec: &Exec) -> cci_incus::Result<Begun> {
    let bare = Exec { environment: BTreeMap::new(), ..exec.clone() };
    let mut process = cx.client.exec(name, &bare).await?;
    let announced = match &mut process.stdout {
        Some(stdout) => take_announcement(stdout).await,
        None => false,
    };
    if !announced {
        return process.wait().await.map(Begun::Refused);
    }
    if let Some(stdin) = &mut process.stdin {
        let answered = async {
            stdin.write_all(exports::lines(&exec.environment).as_bytes()).await?;
            stdin.flush().await
        };
        if answered.await.is_err() {
            return process.wait().await.map(Begun::Refused);
        }
    }
    Ok(Begun::Runs(process))
}

/// Reads the first byte alone, so that everything behind it stays the command's.
async fn take_announcement(stdout: &mut Stdout) -> bool {
    let first = stdout.fill_buf().await.map(|bytes| bytes.first().copied());
    let announced = matches!(first, Ok(Some(b'.')));
    if announced {
        stdout.consume(1);
    }
    announced
}
