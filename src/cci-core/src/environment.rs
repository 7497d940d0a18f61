//! The environment of the agent, and of every command that `run` starts.

use std::collections::BTreeMap;

use cci_agent::{Agent, agents};
use cci_guest::layout::{HOME, SYSTEM_PATH, USER};
use cci_guest::terminal::guest_term;

/// Where the session's state directory is mounted.
#[must_use]
pub fn state(agent: &dyn Agent) -> String {
    format!("{HOME}/{}", agent.state_dir())
}

/// The variables that cci sets itself: about terminal and location, never a secret.
const OWN: [&str; 10] = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM", "COLORTERM", "TZ", "LANG", "IS_SANDBOX"];

/// Whether a variable of this name is about terminal and location, and not a secret.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let of = |agent: &dyn Agent| agent.environment("").iter().any(|(own, _)| *own == name);
    OWN.contains(&name) || agents().any(of)
}

/// The host's terminal and time zone, from the caller's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostLocale {
    /// `TERM`
    pub term: Option<String>,
    /// `COLORTERM`
    pub colorterm: Option<String>,
    /// The zone's IANA name
    pub timezone: Option<String>,
}

/// Whether a shell can pass a variable of this name to a program.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The agent's whole environment: cci's own variables, then the configuration's, then the command line's.
#[must_use]
pub fn environment(
    agent: &dyn Agent,
    host: &HostLocale,
    configured: &BTreeMap<String, String>,
    asked: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let path = format!("{HOME}/.local/bin:{SYSTEM_PATH}");
    let own = [
        ("HOME", Some(HOME)),
        ("USER", Some(USER)),
        ("LOGNAME", Some(USER)),
        ("SHELL", Some("/bin/bash")),
        ("PATH", Some(&path)),
        ("TERM", Some(guest_term(host.term.as_deref()))),
        ("COLORTERM", host.colorterm.as_deref()),
        ("TZ", host.timezone.as_deref()),
        ("LANG", Some("C.UTF-8")),
        ("IS_SANDBOX", Some("1")),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned())));
    let own = own.chain(agent.environment(&state(agent))).map(|(name, value)| (name.to_owned(), value));
    let given = configured.iter().chain(asked).map(|(name, value)| (name.clone(), value.clone()));
    own.chain(given).collect()
}

/// The same for a shell from which gVisor is entered: it finds no program that the agent can have written.
pub fn only_of_system(environment: &mut BTreeMap<String, String>) {
    environment.insert("PATH".to_owned(), SYSTEM_PATH.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_configuration_and_that_over_ours() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let env = environment(
            cci_agent::default_agent(),
            &HostLocale { term: Some("foot".into()), ..HostLocale::default() },
            &map(&[("LANG", "de_DE.UTF-8"), ("A", "config")]),
            &map(&[("A", "flag")]),
        );
        assert_eq!(env["LANG"], "de_DE.UTF-8");
        assert_eq!(env["A"], "flag");
        assert_eq!(env["TERM"], "xterm-256color");
        assert_eq!(env["IS_SANDBOX"], "1");
        assert!(!env.contains_key("TZ"));
        assert_eq!(env.keys().filter(|name| !is_plain(name)).collect::<Vec<_>>(), ["A"]);
    }
}
