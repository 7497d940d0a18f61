//! Users in a container, according to its `/etc/passwd`.

use std::collections::BTreeMap;

use crate::exit::GuestExit;
use crate::layout::{HOME, USER};
use crate::shell;

/// A user of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its uid.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
    /// The variables that a login sets: `HOME`, `USER` and `LOGNAME`.
    pub environment: BTreeMap<String, String>,
}

impl Account {
    /// The agent's user, as it is in cci's images.
    #[must_use]
    pub fn agent(uid: u32) -> Self {
        Self { uid, gid: uid, environment: variables(USER, HOME) }
    }

    /// Reads the first line of what [`find`] prints, `name:x:uid:gid:comment:home:shell`.
    ///
    /// ```
    /// use cci_guest::account::Account;
    ///
    /// let web = Account::parse(b"www-data:x:33:34::/var/www:/bin/sh\n").unwrap();
    /// assert_eq!((web.uid, web.gid, web.environment["HOME"].as_str()), (33, 34, "/var/www"));
    /// assert_eq!(Account::parse(b"nonsense"), None);
    /// ```
    #[must_use]
    pub fn parse(printed: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(printed.split(|byte| *byte == b'\n').next()?);
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()?, environment: variables(name, home) })
    }
}

fn variables(name: &str, home: &str) -> BTreeMap<String, String> {
    [("HOME", home), ("USER", name), ("LOGNAME", name)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The variables by which git of the container's root works in the agent's files, and signs with the agent's name.
#[must_use]
pub fn git_of_root() -> BTreeMap<String, String> {
    let keys = [("safe.directory", "*".to_owned()), ("include.path", format!("{HOME}/.config/git/cci"))];
    let count = ("GIT_CONFIG_COUNT".to_owned(), keys.len().to_string());
    let pairs = keys.into_iter().enumerate().flat_map(|(number, (key, value))| {
        [(format!("GIT_CONFIG_KEY_{number}"), key.to_owned()), (format!("GIT_CONFIG_VALUE_{number}"), value)]
    });
    pairs.chain([count]).collect()
}

/// The command that prints the line of a user, by name or number.
#[must_use]
pub fn find(user: &str) -> Vec<String> {
    shell::command(r#"getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd"#, [user])
}

/// Shell lines that exit with [`GuestExit::OtherUser`] if the container's agent is not [`Account::agent`]; they start
/// no program.
#[must_use]
pub fn expect_agent(uid: u32) -> String {
    let other = GuestExit::OtherUser;
    format!(
        "while IFS= read -r _cci_v || exit {other}; do case $_cci_v in {USER}:*:{uid}:{uid}:*:{HOME}:*) break ;; esac; \
         done </etc/passwd || exit {other}; "
    )
}

/// Lines of a shell that exit with [`GuestExit::OtherUser`] if the container's `code` has another uid than this; an image
/// without that user passes. They start no program.
#[must_use]
pub fn expect_uid(uid: u32) -> String {
    let other = GuestExit::OtherUser;
    format!(
        "while IFS=: read -r _cci_n _ _cci_u _; do [ \"$_cci_n\" != {USER} ] || [ \"$_cci_u\" = {uid} ] || exit {other}; \
         done </etc/passwd; "
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the lines end where the container's users are these.
    fn ends(lines: &str, passwd: &str) -> GuestExit {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passwd");
        std::fs::write(&file, passwd).unwrap();
        let script = lines.replace("/etc/passwd", file.to_str().unwrap()) + "exit 0";
        let status = std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
        GuestExit::from(status.code().unwrap())
    }

    #[test]
    fn the_agent_is_known_by_its_whole_line() {
        let ends = |passwd: &str| ends(&expect_agent(1000), passwd);
        let known = "root:x:0:0:root:/root:/bin/bash\ncode:x:1000:1000::/home/code:/bin/bash\n";
        assert_eq!(ends(known), GuestExit::Success);
        for other in ["", "root:x:0:0:root:/root:/bin/bash\n", "code:x:1000:7::/home/code:/bin/sh\n"] {
            assert_eq!(ends(other), GuestExit::OtherUser, "{other:?}");
        }
    }

    #[test]
    fn another_uid_of_the_agent_is_noticed() {
        let ends = |passwd: &str| ends(&expect_uid(1500), passwd);
        assert_eq!(ends("root:x:0:0::/root:/bin/sh\ncode:x:1000:1000::/home/code:/bin/sh\n"), GuestExit::OtherUser);
        assert_eq!(ends("code:x:1500:1500::/home/code:/bin/sh\n"), GuestExit::Success);
        assert_eq!(ends("node:x:1000:1000::/home/node:/bin/sh\n"), GuestExit::Success);
    }

    #[test]
    fn a_user_is_read_with_home_and_group() {
        let code = Account::parse(b"code:x:1000:1001::/home/code:/bin/bash\nroot:x:0:0::/root:/bin/sh\n").unwrap();
        assert_eq!((code.uid, code.gid, code.environment["HOME"].as_str()), (1000, 1001, "/home/code"));
        for line in ["", "code", "code:x:one:1::/:/bin/sh", "a:b:1:2:c:d:e:f"] {
            assert_eq!(Account::parse(line.as_bytes()), None, "{line}");
        }
    }
}
