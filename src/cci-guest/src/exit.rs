//! The exit codes of cci's shell scripts: one number per meaning.

use std::fmt;

/// Defines the codes once, for writing them into a script and for reading them back.
macro_rules! exits {
    ($($(#[$doc:meta])* $name:ident = $status:literal,)*) => {
        /// How a shell script of cci exited in a container.
        ///
        /// A script takes its numbers from here, and its caller reads them back:
        ///
        /// ```
        /// use cci_guest::GuestExit;
        ///
        /// let script = format!("cd /workspace || exit {}", GuestExit::NoDirectory);
        /// assert_eq!(script, "cd /workspace || exit 98");
        /// assert_eq!(GuestExit::from(98), GuestExit::NoDirectory);
        /// assert_eq!(GuestExit::from(3), GuestExit::Other(3));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum GuestExit {
            $($(#[$doc])* $name,)*
            /// The status of a program, or of a shell that failed.
            Other(i32),
        }

        impl GuestExit {
            /// The shell's exit status.
            #[must_use]
            pub const fn status(self) -> i32 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Other(status) => status,
                }
            }
        }

        impl From<i32> for GuestExit {
            fn from(status: i32) -> Self {
                match status {
                    $($status => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }

        #[cfg(test)]
        const NAMED: &[GuestExit] = &[$(GuestExit::$name),*];
    };
}

exits! {
    /// Success.
    Success = 0,
    /// After the command that it ran, the container keeps running.
    KeepsRunning = 75,
    /// After the command that it ran, the container shuts down.
    ShutsDown = 76,
    /// After the command that it ran, the container reboots.
    Reboots = 77,
    /// It could not put a file into place; its output says why.
    TransferFailed = 92,
    /// There is a directory where only a file is possible.
    IsDirectory = 93,
    /// There is a file where a directory is required.
    NotDirectory = 94,
    /// Nothing exists at the path, or its directory is missing.
    NotFound = 95,
    /// No tmux server has the container's session.
    NoSession = 96,
    /// The agent's user cannot write in the workspace.
    WorkspaceNotWritable = 97,
    /// The working directory cannot be entered.
    NoDirectory = 98,
    /// The container has a different user for the agent, or none.
    OtherUser = 99,
    /// The environment did not arrive, so the command did not begin.
    NoEnvironment = 125,
    /// The shell's own: the program does not exist.
    NoProgram = 127,
}

impl fmt::Display for GuestExit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn no_two_exits_share_a_number() {
        let numbers: BTreeSet<i32> = NAMED.iter().map(|exit| exit.status()).collect();
        assert_eq!(numbers.len(), NAMED.len());
        assert!(numbers.iter().all(|number| (0..128).contains(number)), "a signal's number: {numbers:?}");
    }

    #[test]
    fn every_status_reads_back_as_it_was_written() {
        assert!(NAMED.iter().all(|exit| GuestExit::from(exit.status()) == *exit));
        assert!((-1..=256).all(|status| GuestExit::from(status).status() == status));
    }

    /// `exit` followed by a number, outside the tests.
    fn bare_numbers(source: &str) -> Vec<&str> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let words = code.match_indices("exit ").map(|(at, word)| &code[at + word.len()..]);
        words.filter(|rest| rest.starts_with(|next: char| next.is_ascii_digit())).map(|rest| &rest[..2]).collect()
    }

    #[test]
    fn no_shell_script_has_a_bare_number() {
        assert_eq!(bare_numbers("const A: &str = \"x || exit 96\"; exit {}\n#[cfg(test)] exit 1"), ["96"]);
        let mut files = 0;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path != Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exit.rs") {
                let source = fs::read_to_string(&path).unwrap();
                assert_eq!(bare_numbers(&source), Vec::<&str>::new(), "{}", path.display());
                files += 1;
            }
        }
        assert!(files > 5);
    }
}
