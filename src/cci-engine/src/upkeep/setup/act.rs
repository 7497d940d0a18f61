//! Carries out the steps of setup, one by one, reporting each.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cci_core::idmap::Ids;
use cci_core::setup::distro::backports;
use cci_core::setup::step::{LIMITS, Step};
use cci_core::{Error, Result};
use cci_guest::GuestText;
use tokio::process::{Child, Command};

use super::look::incusd;
use super::objects;
use super::tables::add_lines;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::UpkeepEvent;
use cci_host::account_lock::PATIENCE;
use cci_host::store::give_back;
use cci_host::store::put::host;
use cci_host::system_file;

/// The apt source that setup adds.
const SOURCE: &str = "/etc/apt/sources.list.d/cci-backports.sources";
/// How long the daemon may take to answer after its start, in seconds: after a crash of the host it has much to bring in order.
const READY: &str = "600";
/// How long a package manager may take.
const LONG: Duration = Duration::from_secs(30 * 60);

/// Does one step.
pub async fn act(cx: &Context, step: &Step) -> Result<()> {
    cx.emit(UpkeepEvent::Setup(step.clone()));
    match step {
        Step::AddBackports => add_backports(),
        Step::Install { packages, suite } => install(packages, *suite).await,
        Step::AddLines { table, lines } => add_lines(Path::new(table), lines, PATIENCE).await,
        Step::JoinGroup { user, group } => {
            run("groupadd", &["--force", "--system", group]).await?;
            // unlike usermod it also takes an account of LDAP or sssd, which no file lists
            run("gpasswd", &["--add", user, group]).await
        }
        Step::StartService => run("systemctl", &["enable", "--now", "incus.socket", "incus.service"]).await,
        Step::StartDaemon { group } => start_daemon(group).await,
        Step::RaiseLimit { key, value } => raise_limit(key, *value),
        Step::GiveBack { directories, ids, .. } => given_back(directories.clone(), *ids).await,
        Step::CreatePool { driver, gib } => objects::pool(cx, driver, *gib).await,
        Step::CreateBridge { name, address } => objects::bridge(cx, name, address).await,
        Step::CompleteProfile { pool, network } => objects::profile(cx, pool.as_deref(), network.as_deref()).await,
    }
}

async fn given_back(directories: Vec<PathBuf>, ids: Ids) -> Result<()> {
    blocking(move || directories.iter().try_for_each(|dir| give_back::give_back(dir, ids))).await
}

/// For this boot and for the next ones.
fn raise_limit(key: &str, value: u64) -> Result<()> {
    let now = Path::new("/proc/sys").join(key.replace('.', "/"));
    std::fs::write(&now, value.to_string()).map_err(host("write", &now))?;
    if let Some(dir) = Path::new(LIMITS).parent() {
        std::fs::create_dir_all(dir).map_err(host("create", dir))?;
    }
    let text = format!("# many containers at once; written by `cci setup`\n{key} = {value}\n");
    system_file::replace(Path::new(LIMITS), text.as_bytes())
}

/// Adds the backports of the mirror that apt already uses.
fn add_backports() -> Result<()> {
    let listed = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let files =
        std::iter::once(Path::new("/etc/apt/sources.list").to_owned()).chain(listed.filter(|path| path.is_file()));
    let sources: Vec<Vec<u8>> = files.map(|file| system_file::read(&file)).collect::<Result<_>>()?;
    // a comment in another encoding must not hide a mirror
    let text = backports(&String::from_utf8_lossy(&sources.join(&b'\n')))
        .ok_or_else(|| failed("apt", "its sources name no mirror of Debian's archive"))?;
    system_file::replace(Path::new(SOURCE), text.as_bytes())
}

async fn install(packages: &[String], suite: Option<&str>) -> Result<()> {
    run("apt-get", &["update"]).await?;
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    if let Some(suite) = suite {
        args.extend(["--target-release", suite]);
    }
    args.extend(packages.iter().map(String::as_str));
    run("apt-get", &args).await
}

/// Starts the daemon in a session of its own, so that it outlives cci and its terminal, and waits until it answers or has ended.
async fn start_daemon(group: &str) -> Result<()> {
    let daemon = incusd().ok_or_else(|| failed("incusd", "it is not installed"))?;
    let daemon = daemon.to_string_lossy().into_owned();
    run("groupadd", &["--force", "--system", group]).await?;
    let logs = std::env::var_os("INCUS_DIR").map_or_else(|| PathBuf::from("/var/log/incus"), PathBuf::from);
    std::fs::create_dir_all(&logs).map_err(host("create", &logs))?;
    let (log, stderr) = (logs.join("incusd.log"), logs.join("incusd.stderr.log"));
    let mut started = leave_behind(&daemon, &["--group", group, "--logfile", &log.to_string_lossy()], &stderr)?;
    let ended = tokio::select! {
        ready = run(&daemon, &["waitready", "--timeout", READY]) => return ready.map_err(|error| with_log(error, &log)),
        ended = started.wait() => ended,
    };
    let problem = ended.map_or_else(|error| error.to_string(), |status| format!("it ended: {status}"));
    Err(with_log(failed(&daemon, &problem), &stderr))
}

/// Starts a program that outlives cci. Its stderr goes to a file, which is where a crash of the daemon leaves its trace.
fn leave_behind(program: &str, args: &[&str], stderr: &Path) -> Result<Child> {
    let file = OpenOptions::new().create(true).append(true).open(stderr).map_err(host("open", stderr))?;
    let mut command = Command::new("setsid");
    command.arg(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    command.spawn().map_err(|error| failed(program, &error.to_string()))
}

/// Says in which file the daemon tells more.
fn with_log(error: Error, log: &Path) -> Error {
    match error {
        Error::StepFailed { step, problem, .. } => {
            let hint = Some(format!("see {}", log.display()));
            Error::StepFailed { step, problem, hint }
        }
        other => other,
    }
}

/// Runs a program of the host as root; the error contains its last words.
async fn run(program: &str, args: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LONG, command.output())
        .await
        .map_err(|_| failed(program, "it takes too long"))?
        .map_err(|error| failed(program, &error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = GuestText::lines(said).to_string();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().rev().take(6).rev().copied().collect::<Vec<_>>().join("\n  ");
    Err(failed(program, &format!("{}\n  {last}", output.status)))
}

fn failed(program: &str, problem: &str) -> Error {
    Error::StepFailed { step: program.to_owned(), problem: problem.to_owned(), hint: None }
}
