//! A command of a test, run to its end within a limit.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::wait;

/// No single command of a test takes longer.
const LIMIT: Duration = Duration::from_secs(240);

/// What a command left.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub raw: Vec<u8>,
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.stdout.is_empty() {
            write!(out, "----- stdout -----\n{}", self.stdout)?;
        }
        if !self.stderr.is_empty() {
            write!(out, "----- stderr -----\n{}", self.stderr)?;
        }
        write!(out, "[exit {}]", self.code)
    }
}

impl Output {
    /// The output of a command that had to succeed.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }
}

/// Runs a command to its end within the limit; its process group is ended otherwise.
#[track_caller]
pub fn run(command: Command, stdin: &[u8]) -> Output {
    run_within(LIMIT, command, stdin)
}

/// The same with a limit of its own, for what compiles or downloads.
#[track_caller]
pub fn run_within(limit: Duration, mut command: Command, stdin: &[u8]) -> Output {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let (mut input, stdin) = (child.stdin.take().unwrap(), stdin.to_vec());
    // a command that does not read its input ends all the same
    let feed = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = ended(&mut child, &shown, limit);
    feed.join().unwrap();
    let (raw, errors) = (stdout.join().unwrap(), stderr.join().unwrap());
    Output {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&raw).into_owned(),
        stderr: String::from_utf8_lossy(&errors).into_owned(),
        raw,
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).unwrap();
        all
    })
}

#[track_caller]
fn ended(child: &mut Child, shown: &str, limit: Duration) -> std::process::ExitStatus {
    let began = Instant::now();
    wait::until(shown, limit + Duration::from_secs(10), || {
        if began.elapsed() > limit {
            kill_group(child);
        }
        child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
    })
}

/// Ends a command of ours with everything that it started.
pub fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}
