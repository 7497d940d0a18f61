//! Runs cci itself, or the `incus` command, as a person would, and says how long it took.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use cci_agent::default_agent;
use cci_core::network::Mode;
use cci_core::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::bed::Bed;
use cci_guest::output;
use cci_host::pty;

/// A process that has ended well.
pub(super) struct Ran {
    /// When it was started.
    pub(super) began: Instant,
    /// From there to its end.
    pub(super) took: Duration,
    /// What it printed.
    pub(super) stdout: String,
    /// What it said beside that.
    pub(super) stderr: String,
}

impl Ran {
    /// The largest resident size that `--timing` tells of, in MiB.
    pub(super) fn peak_mib(&self) -> Option<f64> {
        let (_, rest) = self.stderr.rsplit_once("peak memory ")?;
        rest.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    }
}

/// Runs this very cci in one of the bed's project directories.
pub(super) async fn cci(bed: &Bed, workspace: &str, args: &[&str]) -> Result<Ran> {
    cci_under(bed, bed.cx.settings.network.mode, workspace, args).await
}

/// The same in a network mode of its own.
pub(super) async fn cci_under(bed: &Bed, mode: Mode, workspace: &str, args: &[&str]) -> Result<Ran> {
    ended(bed, own(bed, mode, workspace, args)?).await
}

/// A home that is not the caller's: cci keeps its own things there.
pub(super) struct Home {
    /// The directory.
    pub(super) path: PathBuf,
    /// Where the agent's API is, if it has one.
    pub(super) api: Option<String>,
}

/// Runs this very cci in one of the bed's project directories, as somebody who lives in this home.
pub(super) async fn cci_at(bed: &Bed, home: &Home, workspace: &str, args: &[&str]) -> Result<Ran> {
    cci_at_under(bed, home, bed.cx.settings.network.mode, workspace, args).await
}

/// The same in a network mode of its own.
pub(super) async fn cci_at_under(bed: &Bed, home: &Home, mode: Mode, workspace: &str, args: &[&str]) -> Result<Ran> {
    let mut command = own(bed, mode, workspace, args)?;
    let (agent, login) = (default_agent(), default_agent().login());
    let of_login =
        login.into_iter().flat_map(|login| login.variables().iter().copied().chain([login.place_variable()]));
    for elsewhere in of_login.chain(agent.place_variable()).chain(["XDG_CONFIG_HOME", "CCI_SESSIONS_DIR"]) {
        command.env_remove(elsewhere);
    }
    command.env("HOME", &home.path).envs(home.api.iter().zip(login).map(|(url, login)| (login.api().0, url)));
    ended(bed, command).await
}

/// Runs the `incus` command against the same Incus.
pub(super) async fn incus(bed: &Bed, program: &Path, args: &[&str]) -> Result<Ran> {
    let mut command = Command::new(program);
    command.args(["--project", bed.cx.client.project()]).args(args).env("INCUS_SOCKET", bed.cx.client.endpoint());
    ended(bed, command).await
}

/// Runs a program of the host.
pub(super) async fn program(bed: &Bed, name: &str) -> Result<Ran> {
    ended(bed, Command::new(name)).await
}

/// Copies a directory with all that is in it.
pub(super) async fn copy(bed: &Bed, from: &Path, to: &Path) -> Result<Ran> {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    ended(bed, command).await
}

/// Runs cci on a terminal until the first byte is on its screen.
pub(super) async fn first_byte(bed: &Bed, workspace: &str, args: &[&str]) -> Result<Duration> {
    let (terminal, screen) =
        pty::open(120, 40).map_err(|source| Error::Host { step: "open", path: "/dev/ptmx".into(), source })?;
    let inner = own(bed, bed.cx.settings.network.mode, workspace, args)?;
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(inner.as_std().get_program()).args(inner.as_std().get_args());
    command.current_dir(bed.dir(workspace)?);
    command.envs(inner.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let [input, output] = [screen.try_clone(), screen.try_clone()]
        .map(|fd| fd.map_err(|source| Error::Host { step: "open", path: "a terminal".into(), source }));
    command.stdin(input?).stdout(output?).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = spawned(&mut command)?;
    // the terminal's other side is this program's alone, so that its end is seen
    drop((command, screen));
    let mut terminal = tokio::fs::File::from_std(terminal);
    let seen = bed.timed(async { terminal.read_u8().await.map_err(|source| failed("attach", &source)) }).await;
    let took = began.elapsed();
    terminate(&mut child).await;
    seen.map(|_| took)
}

/// This program in the bed's world and in one of its project directories; what launches gets what decides a launch.
fn own(bed: &Bed, mode: Mode, workspace: &str, args: &[&str]) -> Result<Command> {
    let program = std::env::current_exe().map_err(|source| failed("find this program", &source))?;
    let settings = &bed.cx.settings;
    let mut command = Command::new(program);
    command
        .current_dir(bed.dir(workspace)?)
        .env("CCI_CONTAINER_PREFIX", bed.cx.prefix.as_str())
        .env("CCI_SESSIONS_DIR", bed.sessions())
        .env("CCI_IMAGE", &settings.defaults.image)
        .env("INCUS_SOCKET", bed.cx.client.endpoint())
        .env("INCUS_PROJECT", bed.cx.client.project());
    if matches!(args.first(), Some(&("shell" | "run"))) {
        command.args(["--network", mode.word()]);
        command.args(settings.profile.iter().flat_map(|profile| ["--profile", profile]));
    }
    command.args(args);
    Ok(command)
}

async fn ended(bed: &Bed, mut command: Command) -> Result<Ran> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let began = Instant::now();
    let mut child = spawned(&mut command)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let end = async {
        let status = child.wait().await;
        (status, began.elapsed())
    };
    let all = async { tokio::join!(end, text(stdout), text(stderr)) };
    let ((status, took), stdout, stderr) = tokio::select! {
        biased;
        () = bed.cx.scope.cancelled() => {
            terminate(&mut child).await;
            return Err(Error::Interrupted);
        }
        all = all => all,
    };
    let status = status.map_err(|source| failed("wait for it", &source))?;
    if status.success() {
        return Ok(Ran { began, took, stdout, stderr });
    }
    let said = output::whole(stderr.lines().find(|line| line.contains("rror:")).unwrap_or(&stderr).as_bytes());
    Err(Error::StepFailed { step: shown(&command), problem: format!("{status}: {said}"), hint: None })
}

/// Asks a process to end and waits for it: cci takes back what it made.
async fn terminate(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    let _ = child.wait().await;
}

fn spawned(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|source| Error::StepFailed {
        step: shown(command),
        problem: source.to_string(),
        hint: None,
    })
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

async fn text(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = from.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn failed(step: &str, source: &std::io::Error) -> Error {
    Error::StepFailed { step: step.to_owned(), problem: source.to_string(), hint: None }
}
