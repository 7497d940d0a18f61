//! The tmux session around the agent, as commands: no text of a user or an agent passes through a shell.
//!
//! ```
//! use cci_guest::tmux;
//!
//! assert_eq!(tmux::attach("cci-9c09f805-1", false).last().unwrap(), "=cci-cci-9c09f805-1");
//! ```

use crate::agent_socket::NOTICE;
use crate::exit::GuestExit;
use crate::gate::Allowed;
use crate::gvisor;
use crate::layout::TMUX_SOCKET;
use crate::shell::{self, quoted};

/// The server's socket.
pub const SOCKET: &str = TMUX_SOCKET;

/// The option of the server that lists the names of the variables that the agent was given on the command line.
pub(crate) const GIVEN: &str = "@cci-given";

/// The buffer of the server that has the prompt until the agent is started.
const PROMPT: &str = "cci-prompt";

/// Lines of scrollback a pane keeps.
const SCROLLBACK: &str = "50000";

/// Replaces the shell by a bash whose startup file is `$0`: it begins with the agent.
const BASH_WITH: &str = r#"exec bash --rcfile <(printf '%s\n' "$0") -i -s -- "$@""#;

/// What a login shell reads.
const LOGIN: &str = r#"[ -r /etc/profile ] && . /etc/profile
for _cci in ~/.bash_profile ~/.bash_login ~/.profile; do [ -r "$_cci" ] && { . "$_cci"; break; }; done
unset _cci
"#;

/// The startup file of a bash that, after [`LOGIN`], runs the agent as a job of its own: who quits the agent is still in
/// the container, and `fg` resumes an agent that Ctrl-Z has suspended.
///
/// `$1` says how the agent's screen is read, `$2` is what reads along, the rest is its argv. The pane notes which process
/// the agent is: its own pane, for by then another one may be in front.
const AGENT_THEN_BASH: &str = r#"_cci_agent() {
  local stat screen=$1 along=$2
  shift 2
  read -r -a stat </proc/self/stat
  tmux set-option -p -t "$TMUX_PANE" @cci-agent "${stat[0]} ${stat[21]} $screen $1" \; pipe-pane -t "$TMUX_PANE" "$along"
  _cci_prompt || return
  exec "$@"
}
set -m
(_cci_agent "$@")
unset -f _cci_agent _cci_prompt
set --"#;

/// What the agent finds at its standard input: the terminal.
const TERMINAL: &str = "_cci_prompt() { :; }\n";

/// The same: the prompt, in a file that nobody else can open.
const FROM_BUFFER: &str = r#"_cci_prompt() {
  local file
  file=$(umask 077 && mktemp) || return
  tmux save-buffer -b cci-prompt "$file" \; delete-buffer -b cci-prompt && exec <"$file"
  set -- "$?"
  rm -f -- "$file"
  return "$1"
}
"#;

/// The same where both are inside gVisor, into which the lines of `$0` lead: `$3` are [`AGENT_INSIDE`]. What the agent can
/// have written is read inside only.
const AGENT_THEN_BASH_INSIDE: &str = r#"_cci_agent() {
  local stat screen=$1 along=$2 inside=$3
  shift 3
  read -r -a stat </proc/self/stat
  /usr/bin/tmux set-option -p -t "$TMUX_PANE" @cci-agent "${stat[0]} ${stat[21]} $screen $1" \; pipe-pane -t "$TMUX_PANE" "$along"
  exec /bin/sh -c "$0" cci /bin/bash -c "$inside" cci "$@"
}
set -m
(_cci_agent "$@")
exec /bin/sh -c "$0" cci /bin/bash -l"#;

/// After [`LOGIN`], runs the agent inside gVisor to its end: no shell is there that could resume it, so it goes on at once
/// where Ctrl-Z suspends it.
const AGENT_INSIDE: &str = r#"set -m
"$@"
_cci=$?
while [ "$(jobs -s)" ]; do
  fg >/dev/null
  _cci=$?
done
exit "$_cci""#;

/// Reads along in a pane, and wraps notifications for tmux that a program has not wrapped, because tmux drops them.
const NOTIFICATIONS: &str = r##"exec perl -MFcntl -e '
my $held = "";
while (sysread STDIN, my $more, 65536) {
  $held .= $more;
  while ($held =~ /(?<!\e)\e\]((?:9;(?!\d+[;\a\e])|99;|777;notify;)[^\x00-\x1f\x7f]*)(\a|\e\\)/g) {
    my $end = $2 eq "\a" ? "\a" : "\e\e\\";
    sysopen my $pane, "#{pane_tty}", O_WRONLY | O_NOCTTY or next;
    syswrite $pane, "\ePtmux;\e\e]$1$end\e\\";
  }
  $held = $held =~ /(\e?\e[^\a\e]{0,4096}\e?)\z/ ? $1 : "";
}'"##;

fn tmux(args: &[&str]) -> Vec<String> {
    ["tmux", "-S", SOCKET].iter().chain(args).map(|arg| (*arg).to_owned()).collect()
}

/// Words as tmux reads them: a `;` at the end of one would end its command.
pub(crate) fn words(words: &[String]) -> Vec<String> {
    let escaped = |word: &String| word.strip_suffix(';').map_or_else(|| word.clone(), |word| format!("{word}\\;"));
    words.iter().map(escaped).collect()
}

/// The name of a container's tmux session.
#[must_use]
pub fn session_name(container: &str) -> String {
    format!("cci-{container}")
}

/// What the session is started with.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// How the agent's screen is read.
    pub screen: &'a str,
    /// What programs in it may do with the terminal.
    pub allowed: Allowed,
    /// The names of the variables that the agent was given for this session.
    pub given: &'a [&'a str],
    /// The agent's argv.
    pub agent: &'a [String],
    /// Whether the agent reads a prompt, as [`run_start`] hands it over; never inside gVisor.
    pub has_prompt: bool,
    /// Whether the agent and every shell are inside gVisor.
    pub in_gvisor: bool,
    /// Whether somebody says in [`NOTICE`] what the session is refused.
    pub has_notices: bool,
    /// The directory that it begins in.
    pub place: &'a str,
}

/// Starts the server with cci's options and one detached session, in which the agent runs inside bash.
///
/// Everything in it inherits the environment of this command, so no value of it is in any argument.
#[must_use]
pub fn start(container: &str, with: &Session<'_>) -> Vec<String> {
    let Session { screen, allowed, given, agent, has_prompt, in_gvisor, has_notices, place } = *with;
    // a configuration that the agent has written would run its commands outside
    let mut argv = tmux(if in_gvisor { &["-u", "-f", "/dev/null"] } else { &["-u"] });
    let shell = in_gvisor.then(|| format!("exec /bin/sh -c {} cci /bin/bash -l", quoted(&gvisor::enter())));
    let shell = shell.as_deref().map(|shell| ("-g", "default-command", shell));
    let given = given.join(" ");
    // outside of gVisor nothing is read that the agent can have put there
    let notice = if has_notices && !in_gvisor { format!("#(cat {NOTICE} 2>/dev/null)") } else { String::new() };
    for (scope, option, value) in [
        ("-s", "escape-time", "10"),
        ("-s", "extended-keys", "on"),
        ("-g", "history-limit", SCROLLBACK),
        ("-g", "window-size", "latest"),
        ("-g", "default-terminal", "tmux-256color"),
        ("-g", "mouse", "on"),
        ("-g", "focus-events", "on"),
        ("-g", "status-right", &notice),
        ("-g", "status-right-length", "150"),
        ("-g", "status-interval", if notice.is_empty() { "15" } else { "5" }),
        ("-ga", "terminal-features", ",xterm*:extkeys,tmux*:extkeys"),
        ("-s", "set-clipboard", if allowed.clipboard { "on" } else { "external" }),
        // what of it may reach the terminal, the gate there knows
        ("-g", "allow-passthrough", "on"),
        ("-s", "@cci", "1"),
        ("-s", GIVEN, &given),
    ]
    .into_iter()
    .chain(shell)
    {
        argv.extend(["set-option", scope, option, value, ";"].map(str::to_owned));
    }
    // nobody could resume a client that is suspended in the container
    argv.extend(["unbind-key", "C-z", ";"].map(str::to_owned));
    if has_prompt {
        argv.extend(["load-buffer", "-b", PROMPT, "-", ";"].map(str::to_owned));
    }
    let session = session_name(container);
    argv.extend(["new-session", "-d", "-s", &session, "-x", "120", "-y", "40", "-c", place].map(str::to_owned));
    if in_gvisor {
        let (enter, inside) = (gvisor::enter(), format!("{LOGIN}{AGENT_INSIDE}"));
        let pane = ["/bin/bash", "-c", AGENT_THEN_BASH_INSIDE, &enter, screen, NOTIFICATIONS, &inside];
        argv.extend(pane.map(str::to_owned));
    } else {
        let input = if has_prompt { FROM_BUFFER } else { TERMINAL };
        let startup = format!("{LOGIN}{input}{AGENT_THEN_BASH}");
        argv.extend(["bash", "-c", BASH_WITH, &startup, screen, NOTIFICATIONS].map(str::to_owned));
    }
    argv.extend(words(agent));
    argv
}

/// Shell lines that run [`start`], given as `"$@"`, and exit as it does if it fails. It reads a prompt of this many bytes
/// from their input, which is no argument of anything.
#[must_use]
pub fn run_start(prompt: Option<usize>) -> String {
    match prompt {
        None => "\"$@\" </dev/null || exit\n".to_owned(),
        // a session that is there already has not taken it
        Some(length) => format!(
            "head -c {length} | \"$@\" || {{ _cci_e=$?; tmux -S {SOCKET} delete-buffer -b {PROMPT} 2>/dev/null; \
             exit $_cci_e; }}\n"
        ),
    }
}

/// Attaches to the session of the agent; `true_color` says whether the terminal shows 24-bit colours.
#[must_use]
pub fn attach(container: &str, true_color: bool) -> Vec<String> {
    let mut argv = tmux(if true_color { &["-u", "-T", "RGB"] } else { &["-u"] });
    argv.extend(attach_session(container));
    argv
}

/// Attaches to a container's session, as a command for [`on_any_server`].
#[must_use]
pub fn attach_session(container: &str) -> Vec<String> {
    ["attach-session", "-t", &format!("={}", session_name(container))].map(str::to_owned).to_vec()
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

/// Shell lines that run a command of [`on_any_server`], given as `"$@"`, and exit as it does if there is no session.
#[must_use]
pub fn run_on_any_server() -> String {
    let no_session = GuestExit::NoSession;
    format!("\"$@\"; [ $? -ne {no_session} ] || exit {no_session}")
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

    fn session(agent: &[String]) -> Session<'_> {
        Session {
            screen: "dummy",
            allowed: Allowed::default(),
            given: &["KEY"],
            agent,
            has_prompt: false,
            in_gvisor: false,
            has_notices: false,
            place: "/workspace",
        }
    }

    #[test]
    fn in_gvisor_no_shell_is_outside_and_nothing_is_read_that_the_agent_could_have_written() {
        let agent = ["dummy".to_owned(), "c;".to_owned()];
        let argv = start("c", &Session { in_gvisor: true, ..session(&agent) });
        assert_eq!(argv[3..6], ["-u", "-f", "/dev/null"]);
        let at = argv.iter().position(|arg| arg == "default-command").unwrap();
        assert!(argv[at + 1].starts_with("exec /bin/sh -c '") && argv[at + 1].contains("runsc"), "{}", argv[at + 1]);
        assert!(!argv.iter().any(|arg| arg.contains("--rcfile")), "{argv:?}");
        assert!(argv.iter().map(String::len).sum::<usize>() < 14_000, "tmux takes no more than 16384 bytes");
        assert_eq!(argv[argv.len() - 2..], ["dummy", "c\\;"]);
    }

    #[test]
    fn the_status_bar_shows_notices_where_there_are_any() {
        let agent = ["dummy".to_owned()];
        let shows = |has_notices, in_gvisor| {
            start("c", &Session { in_gvisor, has_notices, ..session(&agent) }).iter().any(|arg| arg.contains(NOTICE))
        };
        assert!(shows(true, false));
        assert!(!shows(false, false) && !shows(true, true));
    }

    #[test]
    fn the_agents_arguments_arrive_as_they_are() {
        let agent = ["dummy".to_owned(), "a b;$HOME `x`".to_owned(), "c;".to_owned()];
        let argv = start("cci-9c09f805-1", &session(&agent));
        assert_eq!(argv[argv.len() - 3..], ["dummy", "a b;$HOME `x`", "c\\;"], "tmux takes the last for two commands");
        assert_eq!(argv[..3], ["tmux", "-S", SOCKET]);
        assert!(argv.windows(2).any(|two| two == ["-s", "cci-cci-9c09f805-1"]));
    }

    #[test]
    fn a_session_is_named_after_its_container() {
        assert_eq!(session_name("cci-9c09f805-1"), "cci-cci-9c09f805-1");
    }

    #[test]
    fn a_target_means_exactly_this_session() {
        assert_eq!(attach("cci-9c09f805-1", true).last().unwrap(), "=cci-cci-9c09f805-1");
    }

    #[test]
    fn the_agent_is_noted_at_its_own_pane_whichever_is_in_front() {
        let dir = tempfile::tempdir().unwrap();
        let (program, log) = (dir.path().join("tmux"), dir.path().join("log"));
        std::fs::write(&program, format!("#!/bin/sh\nprintf '%s ' \"$@\" >>{}\n", log.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let agent = ["true".to_owned()];
        let argv = start("c", &session(&agent));
        let bash = argv.iter().rposition(|arg| arg == "bash").unwrap();
        std::fs::write(dir.path().join(".bash_profile"), format!("PATH={}:$PATH\n", dir.path().display())).unwrap();
        let mut command = Command::new("bash");
        command.args(&argv[bash + 1..]).env_clear().env("HOME", dir.path()).env("TMUX_PANE", "%7");
        command.env("PATH", "/usr/bin:/bin").stdin(std::process::Stdio::null());
        command.output().unwrap();
        let noted = std::fs::read_to_string(log).unwrap();
        assert!(noted.starts_with("set-option -p -t %7 @cci-agent "), "{noted}");
    }

    #[test]
    fn a_prompt_is_read_by_the_agent_and_stays_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (program, kept) = (dir.path().join("tmux"), dir.path().join("tmp"));
        let saves = "[ \"$1 $2 $3\" = 'save-buffer -b cci-prompt' ] && printf 'a\n\\\\ b\n\n' >\"$4\"; exit 0";
        std::fs::write(&program, format!("#!/bin/sh\n{saves}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(&kept).unwrap();
        let (read, nothing) = (dir.path().join("read"), dir.path().join("nothing"));
        let agent = ["sh", "-c", "cat >\"$1\"; ls \"$TMPDIR\" >\"$2\"", "x"].map(str::to_owned);
        let agent = [&agent[..], &[read.display().to_string(), nothing.display().to_string()]].concat();
        let argv = start("c", &Session { has_prompt: true, ..session(&agent) });
        assert!(argv.windows(4).any(|four| four == ["load-buffer", "-b", PROMPT, "-"]), "{argv:?}");
        let bash = argv.iter().rposition(|arg| arg == "bash").unwrap();
        std::fs::write(dir.path().join(".bash_profile"), format!("PATH={}:$PATH\n", dir.path().display())).unwrap();
        let mut command = Command::new("bash");
        command.args(&argv[bash + 1..]).env_clear().env("HOME", dir.path()).env("TMUX_PANE", "%7");
        command.env("PATH", "/usr/bin:/bin").env("TMPDIR", &kept).stdin(std::process::Stdio::null());
        let done = command.output().unwrap();
        assert_eq!(std::fs::read_to_string(read).unwrap(), "a\n\\ b\n\n", "{done:?}");
        assert_eq!(std::fs::read_to_string(nothing).unwrap(), "", "the file has no name any more");
    }

    #[test]
    fn a_start_reads_its_prompt_and_no_more() {
        let run = |prompt, more: &str, input: &str| {
            let script = format!("{}{more}", run_start(prompt));
            let mut child = Command::new("sh")
                .args(["-c", &script, "cci", "sh", "-c", "printf '[%s]' \"$(cat)\"; exit \"$0\"", "7"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            let done = child.wait_with_output().unwrap();
            (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap())
        };
        assert_eq!(run(None, "", "look\n"), (7, "[]".into()), "it fails as the start does");
        assert_eq!(run(Some(3), "", "a\nblook\n"), (7, "[a\nb]".into()));
    }

    /// Runs the lines of [`run_attach`] with this instead of tmux; returns its status and what the terminal shows.
    fn attached_with(tmux: &str) -> (GuestExit, String) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("tmux");
        std::fs::write(&program, format!("#!/bin/sh\n{tmux}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let script = format!("{}; exit {}", run_attach("c"), GuestExit::KeepsRunning);
        let argv = [&["-c".to_owned(), script, "cci".to_owned()][..], &attach("c", true)].concat();
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

    #[test]
    fn a_session_that_no_server_has_is_not_there() {
        let ended_with = |status: &str| {
            let script = format!("{}; exit {}", run_on_any_server(), GuestExit::KeepsRunning);
            let done = Command::new("sh").args(["-c", &script, "cci", "sh", "-c", &format!("exit {status}")]).status();
            GuestExit::from(done.unwrap().code().unwrap())
        };
        assert_eq!(ended_with(&GuestExit::NoSession.to_string()), GuestExit::NoSession);
        assert_eq!((ended_with("0"), ended_with("1")), (GuestExit::KeepsRunning, GuestExit::KeepsRunning));
    }
}
