//! `container exec`: one command in any running container, its streams and its status passed through.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::GuestExit;
use cci_guest::account::{self, Account};
use cci_guest::handshake::Script;
use cci_guest::layout::{self, USER};
use cci_guest::terminal::guest_term;
use cci_incus::{Exec, Process, TermSize};
use tokio::io::AsyncReadExt;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::ownership;
use crate::process::exec::{self, Begun};
use crate::process::outcome::{self, Outcome};
use crate::process::signals::Signals;
use cci_host::input::Input;
use cci_host::terminal;

/// How long a container may take to say who a user is.
const LOOK_UP: Duration = Duration::from_secs(30);
/// No line of `/etc/passwd` is longer.
const LONGEST_LINE: u64 = 4096;

/// What to run, and as whom.
pub struct Command {
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// A name or a number; default: root.
    pub user: Option<String>,
    /// Default: the user's own.
    pub group: Option<u32>,
    /// Default: `/workspace` if it exists, else `/`.
    pub cwd: Option<String>,
    /// With a terminal of its own.
    pub tty: bool,
    /// Whether it reads nothing and leaves the caller's stdin alone.
    pub no_input: bool,
    /// Whether what it prints is kept.
    pub capture: bool,
}

/// The outcome of a start with [`begin`].
enum Start {
    Runs(Process),
    /// The container knows the agent's user differently.
    OtherUser,
}

/// Runs it to its end.
pub async fn run(cx: &Context, name: &str, command: &Command) -> Result<Outcome> {
    let (signals, size) = (Signals::listen(), terminal::size());
    let process = started(cx, name, command, size).await?;
    if command.tty && !command.no_input && terminal::is_interactive() && terminal::is_in_front() {
        return outcome::on_terminal(process, size, signals).await;
    }
    let input = Input::of_this_process(command.no_input);
    outcome::on_pipes(process, signals, input, command.capture, None).await
}

/// Starts it as root or as the agent, who is the same in every session's container, or else as a user that the
/// container knows.
///
/// Only the container's owner is checked before the command begins; the shell that starts it says whether the
/// container's agent is cci's.
async fn started(cx: &Context, name: &str, command: &Command, size: TermSize) -> Result<Process> {
    let uid = cx.settings.incus.agent_uid;
    let account = match command.user.as_deref() {
        None => None,
        Some(user) if user == USER || user == uid.to_string() => {
            let agent = exec(cx, command, Some(Account::agent(uid)), size);
            let before = format!("{}{}", account::expect_agent(uid), cx.caller.umask.line());
            match begin(cx, name, &before, &agent, command).await? {
                Start::Runs(process) => return Ok(process),
                Start::OtherUser => Some(look_up(cx, name, user).await?),
            }
        }
        Some(user) => Some(look_up(cx, name, user).await?),
    };
    match begin(cx, name, "", &exec(cx, command, account, size), command).await? {
        Start::Runs(process) => Ok(process),
        Start::OtherUser => Err(exec::not_begun(cx, GuestExit::OtherUser).await),
    }
}

fn exec(cx: &Context, command: &Command, account: Option<Account>, size: TermSize) -> Exec {
    let (uid, gid, mut environment) = match account {
        Some(account) => (Some(account.uid), Some(account.gid), account.environment),
        None => (None, None, account::git_of_root()),
    };
    if command.tty {
        environment.insert("TERM".into(), guest_term(cx.caller.var("TERM")).to_owned());
    }
    environment.extend(cx.environment.clone());
    Exec {
        command: command.argv.clone(),
        environment,
        cwd: None,
        user: uid,
        group: command.group.or(gid),
        tty: command.tty.then_some(size),
    }
}

async fn begin(cx: &Context, name: &str, before: &str, exec: &Exec, command: &Command) -> Result<Start> {
    let step = "start the command";
    let before = format!("{before}{}", layout::enter(command.cwd.as_deref()));
    let known = ownership::find_running(cx, name);
    match exec::start_if(cx, name, known, Script::before(&before), exec, step).await?.0 {
        Begun::Runs(process) => Ok(Start::Runs(process)),
        Begun::Refused(GuestExit::OtherUser) => Ok(Start::OtherUser),
        Begun::Refused(GuestExit::NoDirectory) => Err(Error::StepFailed {
            step: "starting the command".into(),
            problem: format!(
                "directory {} cannot be entered in container {name}",
                command.cwd.as_deref().unwrap_or("/")
            ),
            hint: None,
        }),
        // an image without a shell
        Begun::Refused(_) => {
            let bare = Exec { cwd: command.cwd.clone(), ..exec.clone() };
            cx.client.exec(name, &bare).await.during(step).map(Start::Runs)
        }
    }
}

/// Asks the container about a user; an unknown number is a valid user.
async fn look_up(cx: &Context, name: &str, user: &str) -> Result<Account> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // the kernel takes the largest number for "as before", which is root
    let is_none = user.parse() == Ok(u32::MAX);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(allowed) || is_none {
        return Err(Error::usage(format!("invalid user '{user}'")));
    }
    let line = tokio::time::timeout(LOOK_UP, passwd_line(cx, name, user)).await.unwrap_or_else(|_| {
        Err(Error::TimedOut { step: format!("look up user {user}"), seconds: LOOK_UP.as_secs(), still_running: false })
    })?;
    if let Some(account) = Account::parse(&line) {
        return Ok(account);
    }
    let uid = user.parse().map_err(|_| Error::StepFailed {
        step: "starting the command".into(),
        problem: format!("no user '{user}' in container {name}"),
        hint: Some("use a number, or a name of its /etc/passwd".into()),
    })?;
    Ok(Account { uid, gid: 0, environment: BTreeMap::new() })
}

async fn passwd_line(cx: &Context, name: &str, user: &str) -> Result<Vec<u8>> {
    let known = ownership::find_running(cx, name);
    let (begun, _) =
        exec::start_if(cx, name, known, Script::before(""), &Exec::new(account::find(user)), "look up the user")
            .await?;
    let Begun::Runs(mut process) = begun else { return Ok(Vec::new()) };
    let mut line = Vec::new();
    if let Some(stdout) = process.stdout.take() {
        // the error says less than the missing line
        let _ = stdout.take(LONGEST_LINE).read_to_end(&mut line).await;
    }
    Ok(line)
}
