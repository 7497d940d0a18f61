//! The tmux session around the agent, as commands: no text of a user or an agent passes through a shell.
//!
//! ```
//! use cci_guest::tmux;
//!
//! let keys = tmux::keys("cci-9c09f805-1", &["C-c".to_owned(), ";".to_owned()]);
//! assert_eq!(keys, ["send-keys", "-t", "=cci-cci-9c09f805-1:", "--", "C-c", "\\;"]);
//! assert_eq!(tmux::attach("cci-9c09f805-1").last().unwrap(), "=cci-cci-9c09f805-1");
//! ```

use crate::exit::GuestExit;
use crate::layout::WORKSPACE;
use crate::shell;

/// The server's socket: outside `/tmp`, which systemd empties while the container boots.
pub const SOCKET: &str = "/home/code/.cci-tmux";

/// Lines of scrollback a pane keeps.
const SCROLLBACK: &str = "50000";

/// Runs the agent and then a shell, so that leaving the agent leaves the user in the container.
const AGENT_THEN_BASH: &str = r#""$@"; exec bash -l"#;

fn tmux(args: &[&str]) -> Vec<String> {
    ["tmux", "-S", SOCKET].iter().chain(args).map(|arg| (*arg).to_owned()).collect()
}

/// The name of a container's tmux session.
#[must_use]
pub fn session_name(container: &str) -> String {
    format!("cci-{container}")
}

/// Starts the server with cci's options and one detached session, in which `agent` runs inside bash.
///
/// Everything in it inherits the environment of this command, so no value of it is in any argument.
#[must_use]
pub fn start(container: &str, agent: &[String]) -> Vec<String> {
    let mut argv = tmux(&["-u"]);
    for (scope, option, value) in [
        ("-s", "escape-time", "10"),
        ("-s", "extended-keys", "on"),
        ("-g", "history-limit", SCROLLBACK),
        ("-g", "window-size", "latest"),
        ("-g", "default-terminal", "tmux-256color"),
        ("-g", "mouse", "on"),
        ("-g", "focus-events", "on"),
        ("-g", "status-right", ""),
        ("-ga", "terminal-features", ",*:RGB"),
    ] {
        argv.extend(["set-option", scope, option, value, ";"].map(str::to_owned));
    }
    let session = session_name(container);
    argv.extend(["new-session", "-d", "-s", &session, "-x", "120", "-y", "40", "-c", WORKSPACE].map(str::to_owned));
    argv.extend(["bash", "-l", "-c", AGENT_THEN_BASH, "cci"].map(str::to_owned));
    argv.extend(agent.iter().cloned());
    argv
}

/// Attaches to the session of the agent.
#[must_use]
pub fn attach(container: &str) -> Vec<String> {
    let mut argv = tmux(&["-u", "attach-session", "-t"]);
    argv.push(format!("={}", session_name(container)));
    argv
}

/// Asks whether the agent's session exists: status 0 if it does.
#[must_use]
pub fn has_session(container: &str) -> Vec<String> {
    let mut argv = tmux(&["has-session", "-t"]);
    argv.push(format!("={}", session_name(container)));
    argv
}

/// Shell lines that run [`attach`], given as `"$@"`, and exit with [`GuestExit::NoSession`] if there is no session to
/// attach to; other errors are printed.
///
/// tmux is queried only after an error: a query before each attach would take a moment.
#[must_use]
pub fn run_attach(container: &str) -> String {
    let (session, no_session) = (session_name(container), GuestExit::NoSession);
    format!(
        "{{ _cci_e=$(\"$@\" 2>&1 >&3 3>&-); }} 3>&1; [ -z \"$_cci_e\" ] || {{ \
         tmux -S {SOCKET} has-session -t ={session} 2>/dev/null || exit {no_session}; printf '%s\\n' \"$_cci_e\"; }}"
    )
}

/// How much of a pane is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the screen shows.
    Visible,
    /// The screen and this many lines above it.
    Lines(u32),
    /// The whole scrollback.
    All,
}

/// The session of a container as a target: exactly this one, its active pane.
fn target(container: &str) -> String {
    format!("={}:", session_name(container))
}

/// Pastes stdin into the pane, character for character, then presses Enter if asked for.
///
/// The text is never an argument: tmux limits those to a few kilobytes, and others could read them.
#[must_use]
pub fn paste(container: &str, buffer: &str, enter: bool) -> Vec<String> {
    let target = target(container);
    let mut argv = vec!["load-buffer", "-b", buffer, "-", ";"];
    argv.extend(["paste-buffer", "-d", "-p", "-r", "-b", buffer, "-t", &target]);
    if enter {
        argv.extend([";", "send-keys", "-t", &target, "Enter"]);
    }
    argv.into_iter().map(str::to_owned).collect()
}

/// Types keys by tmux's names for them (`C-c`, `Up`, `Enter`).
#[must_use]
pub fn keys(container: &str, keys: &[String]) -> Vec<String> {
    let mut argv: Vec<String> = ["send-keys", "-t", &target(container), "--"].map(str::to_owned).to_vec();
    // a lone `;` would end tmux's command
    argv.extend(
        keys.iter().map(|key| if key.ends_with(';') { format!("{}\\;", &key[..key.len() - 1]) } else { key.clone() }),
    );
    argv
}

/// Prints the pane.
#[must_use]
pub fn capture(container: &str, part: Part, ansi: bool) -> Vec<String> {
    let mut argv: Vec<String> = ["capture-pane", "-p", "-t", &target(container)].map(str::to_owned).to_vec();
    match part {
        Part::Visible => {}
        Part::Lines(lines) => argv.extend(["-S".to_owned(), format!("-{lines}")]),
        Part::All => argv.extend(["-S", "-"].map(str::to_owned)),
    }
    if ansi {
        argv.push("-e".to_owned());
    }
    argv
}

/// Finds the server with the container's session, whichever user it belongs to, and becomes tmux on its socket; it
/// exits with [`GuestExit::NoSession`] if no server has it.
#[must_use]
pub fn on_any_server(container: &str, command: &[String]) -> Vec<String> {
    let no_session = GuestExit::NoSession;
    let find = format!(
        r#"s=$1; shift
for socket in {SOCKET} /tmp/tmux-*/default; do
  [ -S "$socket" ] && tmux -S "$socket" has-session -t "=$s" 2>/dev/null && exec tmux -u -S "$socket" "$@"
done
exit {no_session}"#
    );
    shell::command(&find, std::iter::once(&session_name(container)).chain(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn the_agents_arguments_arrive_as_they_are() {
        let agent = ["dummy".to_owned(), "a b;$HOME `x`".to_owned()];
        let argv = start("cci-9c09f805-1", &agent);
        assert_eq!(argv[argv.len() - 2..], agent);
        assert_eq!(argv[..3], ["tmux", "-S", SOCKET]);
        assert!(argv.windows(2).any(|two| two == ["-s", "cci-cci-9c09f805-1"]));
    }

    #[test]
    fn a_text_is_never_an_argument() {
        let argv = paste("c", "b", true).join(" ");
        assert_eq!(argv, "load-buffer -b b - ; paste-buffer -d -p -r -b b -t =cci-c: ; send-keys -t =cci-c: Enter");
    }

    #[test]
    fn a_semicolon_is_a_key_and_not_the_end_of_a_command() {
        let named = keys("c", &["C-c".into(), ";".into(), "a;".into(), "-x".into()]);
        assert_eq!(named[3..], ["--", "C-c", "\\;", "a\\;", "-x"]);
    }

    #[test]
    fn a_session_is_named_after_its_container() {
        assert_eq!(session_name("cci-9c09f805-1"), "cci-cci-9c09f805-1");
    }

    #[test]
    fn a_target_means_exactly_this_session() {
        assert_eq!(attach("cci-9c09f805-1").last().unwrap(), "=cci-cci-9c09f805-1");
    }

    /// Runs the lines of [`run_attach`] with this instead of tmux; returns its status and what the terminal shows.
    fn attached_with(tmux: &str) -> (GuestExit, String) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("tmux");
        std::fs::write(&program, format!("#!/bin/sh\n{tmux}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let script = format!("{}; exit {}", run_attach("c"), GuestExit::KeepsRunning);
        let argv = [&["-c".to_owned(), script, "cci".to_owned()][..], &attach("c")].concat();
        let done = Command::new("sh").args(argv).env("PATH", path).output().unwrap();
        (GuestExit::from(done.status.code().unwrap()), String::from_utf8(done.stdout).unwrap())
    }

    #[test]
    fn a_session_that_is_not_there_is_told_apart_from_one_that_ends() {
        let absent = r#"[ "$3" = has-session ] || echo "can't find session: c" >&2; exit 1"#;
        assert_eq!(attached_with(absent), (GuestExit::NoSession, String::new()));
        let ends = r#"[ "$3" = has-session ] && exit 1; echo "[server exited]"; exit 1"#;
        assert_eq!(attached_with(ends), (GuestExit::KeepsRunning, "[server exited]\n".to_owned()));
        let other = r#"[ "$3" = has-session ] && exit 0; echo "open terminal failed" >&2; exit 1"#;
        assert_eq!(attached_with(other), (GuestExit::KeepsRunning, "open terminal failed\n".to_owned()));
    }
}
