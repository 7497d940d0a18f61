//! `container exec`: one command in any running container, its streams and its status passed through.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_core::environment::{HOME, USER};
use cci_core::{Error, Result};
use cci_incus::{Exec, Process};
use tokio::io::AsyncReadExt;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::owned;
use crate::process::exec::{self, Begun};
use crate::process::outcome::{self, Outcome};
use cci_host::terminal;

/// How long a container may take to say who a user is.
const LOOK_UP: Duration = Duration::from_secs(30);
/// A line of `/etc/passwd` is shorter.
const LONGEST_LINE: u64 = 4096;
/// Finds the line of a user, by name or number.
const FIND_USER: &str = r#"getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd"#;

/// The status of a start in a container that knows the agent's user in another way.
const OTHER_USER: i32 = 97;

/// What is to be run, and as whom.
pub struct Command {
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// A name or a number; root without.
    pub user: Option<String>,
    /// The user's own without.
    pub group: Option<u32>,
    /// `/workspace` where there is one, else `/`, without.
    pub cwd: Option<String>,
    /// With a terminal of its own.
    pub tty: bool,
    /// Whether what it prints is kept.
    pub capture: bool,
}

/// A user of the container.
struct Account {
    uid: u32,
    gid: u32,
    environment: BTreeMap<String, String>,
}

/// How a start behind the lines of [`begin`] went.
enum Start {
    Runs(Process),
    /// The container knows the agent's user in another way.
    OtherUser,
}

/// Runs it to its end.
pub async fn run(cx: &Context, name: &str, command: &Command) -> Result<Outcome> {
    let process = started(cx, name, command).await?;
    if command.tty && terminal::is_interactive() {
        outcome::on_terminal(process).await
    } else {
        outcome::on_pipes(process, command.capture, None).await
    }
}

/// Starts it as root or as the agent, who is the same in every session's container, else as whom the container knows.
///
/// Only whose container it is is asked before the command begins; the shell that starts it says whether the container's
/// agent is cci's.
async fn started(cx: &Context, name: &str, command: &Command) -> Result<Process> {
    let uid = cx.settings.incus.agent_uid;
    let account = match command.user.as_deref() {
        None => None,
        Some(user) if user == USER || user == uid.to_string() => {
            let agent = Account { uid, gid: uid, environment: own_variables(HOME, USER) };
            match begin(cx, name, &knows_agent(uid), &exec(cx, command, Some(agent)), command).await? {
                Start::Runs(process) => return Ok(process),
                Start::OtherUser => Some(look_up(cx, name, user).await?),
            }
        }
        Some(user) => Some(look_up(cx, name, user).await?),
    };
    match begin(cx, name, "", &exec(cx, command, account), command).await? {
        Start::Runs(process) => Ok(process),
        Start::OtherUser => Err(exec::not_begun(OTHER_USER)),
    }
}

/// Lines of a shell that end with [`OTHER_USER`] where the container's agent is not cci's; they start no program.
fn knows_agent(uid: u32) -> String {
    format!(
        "while IFS= read -r _cci_v || exit {OTHER_USER}; do case $_cci_v in {USER}:*:{uid}:{uid}:*:{HOME}:*) break ;; esac; \
         done </etc/passwd || exit {OTHER_USER}; "
    )
}

fn exec(cx: &Context, command: &Command, account: Option<Account>) -> Exec {
    let (uid, gid, mut environment) = match account {
        Some(account) => (Some(account.uid), Some(account.gid), account.environment),
        None => (None, None, BTreeMap::new()),
    };
    if command.tty {
        environment.insert("TERM".into(), cci_guest::terminal::guest_term(cx.caller.var("TERM")).to_owned());
    }
    environment.extend(cx.environment.clone());
    Exec {
        command: command.argv.clone(),
        environment,
        cwd: None,
        user: uid,
        group: command.group.or(gid),
        tty: command.tty.then(terminal::size),
    }
}

async fn begin(cx: &Context, name: &str, before: &str, exec: &Exec, command: &Command) -> Result<Start> {
    let step = "start the command";
    let before = format!("{before}{}", exec::enter(command.cwd.as_deref()));
    let known = owned::find_running(cx, name);
    match exec::start_if(cx, name, known, exec::Lines::before(&before), exec, step).await?.0 {
        Begun::Runs(process) => Ok(Start::Runs(process)),
        Begun::Refused(OTHER_USER) => Ok(Start::OtherUser),
        Begun::Refused(exec::NO_DIRECTORY) => Err(Error::StepFailed {
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

/// Asks the container who a user is; a number that it does not know is a user all the same.
async fn look_up(cx: &Context, name: &str, user: &str) -> Result<Account> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(allowed) {
        return Err(Error::usage(format!("invalid user '{user}'")));
    }
    let line = tokio::time::timeout(LOOK_UP, passwd_line(cx, name, user)).await.unwrap_or_else(|_| {
        Err(Error::TimedOut { step: format!("look up user {user}"), seconds: LOOK_UP.as_secs(), still_running: false })
    })?;
    if let Some(account) = account(&line) {
        return Ok(account);
    }
    let uid = user.parse().map_err(|_| Error::StepFailed {
        step: "starting the command".into(),
        problem: format!("no user '{user}' in container {name}"),
        hint: Some("use a number, or a name of its /etc/passwd".into()),
    })?;
    Ok(Account { uid, gid: 0, environment: BTreeMap::new() })
}

async fn passwd_line(cx: &Context, name: &str, user: &str) -> Result<String> {
    let find = ["sh", "-c", FIND_USER, "cci", user].map(str::to_owned);
    let known = owned::find_running(cx, name);
    let (begun, _) =
        exec::start_if(cx, name, known, exec::Lines::before(""), &Exec::new(find), "look up the user").await?;
    let Begun::Runs(mut process) = begun else { return Ok(String::new()) };
    let mut line = Vec::new();
    if let Some(stdout) = process.stdout.take() {
        // what broke says less than the line that is missing
        let _ = stdout.take(LONGEST_LINE).read_to_end(&mut line).await;
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Reads `name:x:uid:gid:comment:home:shell`.
fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.lines().next()?.split(':').collect();
    let [name, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
    Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()?, environment: own_variables(home, name) })
}

fn own_variables(home: &str, name: &str) -> BTreeMap<String, String> {
    [("HOME", home), ("USER", name), ("LOGNAME", name)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_known_by_its_whole_line() {
        let knows = |passwd: &str| {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("passwd");
            std::fs::write(&file, passwd).unwrap();
            let script = knows_agent(1000).replace("/etc/passwd", file.to_str().unwrap()) + "exit 0";
            std::process::Command::new("sh").args(["-c", &script]).status().unwrap().code()
        };
        assert_eq!(knows("root:x:0:0:root:/root:/bin/bash\ncode:x:1000:1000::/home/code:/bin/bash\n"), Some(0));
        for other in ["", "root:x:0:0:root:/root:/bin/bash\n", "code:x:1000:7::/home/code:/bin/sh\n"] {
            assert_eq!(knows(other), Some(OTHER_USER), "{other:?}");
        }
    }

    #[test]
    fn a_user_is_read_with_home_and_group() {
        let code = account("code:x:1000:1001::/home/code:/bin/bash\n").unwrap();
        assert_eq!((code.uid, code.gid, code.environment["HOME"].as_str()), (1000, 1001, "/home/code"));
        for line in ["", "code", "code:x:one:1::/:/bin/sh", "a:b:1:2:c:d:e:f"] {
            assert!(account(line).is_none(), "{line}");
        }
    }
}
