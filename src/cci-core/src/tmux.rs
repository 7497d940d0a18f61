//! The tmux session around the agent, as argv: nothing here passes through a shell as text.

use crate::name::tmux_session;

/// The server's socket: outside `/tmp`, which systemd empties while the container boots.
pub const SOCKET: &str = "/home/code/.cci-tmux";

/// Lines of scrollback a pane keeps.
const SCROLLBACK: &str = "50000";

/// Runs the agent and then a shell, so that leaving the agent leaves the person in the container.
const AGENT_THEN_BASH: &str = r#""$@"; exec bash -l"#;

fn tmux(args: &[&str]) -> Vec<String> {
    ["tmux", "-S", SOCKET].iter().chain(args).map(|arg| (*arg).to_owned()).collect()
}

/// Starts the server with cci's options and one detached session, in which `agent` runs inside bash.
///
/// The environment comes with the exec that runs this, so no value of it is in any argument.
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
    let session = tmux_session(container);
    argv.extend(["new-session", "-d", "-s", &session, "-x", "120", "-y", "40", "-c", "/workspace"].map(str::to_owned));
    argv.extend(["bash", "-l", "-c", AGENT_THEN_BASH, "cci"].map(str::to_owned));
    argv.extend(agent.iter().cloned());
    argv
}

/// Attaches to the session of the agent.
#[must_use]
pub fn attach(container: &str) -> Vec<String> {
    let mut argv = tmux(&["-u", "attach-session", "-t"]);
    argv.push(format!("={}", tmux_session(container)));
    argv
}

/// Asks whether the agent's session is there: status 0 if it is.
#[must_use]
pub fn has_session(container: &str) -> Vec<String> {
    let mut argv = tmux(&["has-session", "-t"]);
    argv.push(format!("={}", tmux_session(container)));
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_arguments_arrive_as_they_are() {
        let agent = ["claude".to_owned(), "a b;$HOME `x`".to_owned()];
        let argv = start("cci-9c09f805-1", &agent);
        assert_eq!(argv[argv.len() - 2..], agent);
        assert_eq!(argv[..3], ["tmux", "-S", SOCKET]);
        assert!(argv.windows(2).any(|two| two == ["-s", "cci-cci-9c09f805-1"]));
    }

    #[test]
    fn a_target_means_exactly_this_session() {
        assert_eq!(attach("cci-9c09f805-1").last().unwrap(), "=cci-cci-9c09f805-1");
    }
}
