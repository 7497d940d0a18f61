//! A command of the host's, run for what it prints.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Nothing that lets a request in is longer.
const LARGEST: u64 = 16 * 1024;

/// A command.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) words: Vec<String>,
    /// What it finds in its environment besides the supervisor's own.
    pub(super) environment: BTreeMap<String, String>,
}

impl Run {
    /// A line for a shell.
    pub(super) fn of_a_shell(line: &str) -> Self {
        Self { words: ["sh", "-c", line].map(str::to_owned).into(), environment: BTreeMap::new() }
    }

    /// What it prints, without what surrounds it. No error shows that.
    pub(super) async fn output(&self) -> Result<String, String> {
        let failed = |error: io::Error| format!("cannot be run: {error}");
        let (program, arguments) = self.words.split_first().ok_or("has no name")?;
        let mut command = Command::new(program);
        command.args(arguments).envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.current_dir("/").process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let mut bytes = Vec::new();
        if let Some(out) = child.stdout.take() {
            out.take(LARGEST + 1).read_to_end(&mut bytes).await.map_err(failed)?;
        }
        if bytes.len() as u64 > LARGEST {
            return Err("prints too much".into());
        }
        let status = child.wait().await.map_err(failed)?;
        group.has_ended();
        if !status.success() {
            return Err(format!("fails: {status}"));
        }
        Ok(String::from_utf8(bytes).unwrap_or_default().trim().to_owned())
    }
}

/// The processes of a command, killed with it where it is given up.
struct Group(Option<Pid>);

impl Group {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // one that has just ended is fine
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
