//! The users who run cci in a test: accounts by their number, whatever their names on this machine.

use std::process::Command;

use rustix::process::{getegid, geteuid};

/// Who runs cci.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
}

/// The caller that most people are.
pub const U1000: User = User { uid: 1000 };
/// Another caller; where `tests/run` makes the account, its gid is another number than its uid.
pub const U1234: User = User { uid: 1234 };
/// The administrator.
pub const ROOT: User = User { uid: 0 };

impl User {
    /// Whoever runs the tests.
    pub fn caller() -> Self {
        Self { uid: geteuid().as_raw() }
    }

    /// The account's group.
    pub fn gid(self) -> u32 {
        if self == Self::caller() { getegid().as_raw() } else { self.field(3).parse().unwrap() }
    }

    /// The account's name.
    pub fn name(self) -> String {
        self.field(0)
    }

    /// The words that run a command as this user, in front of it; none for whoever runs the tests.
    pub fn prefix(self) -> Vec<String> {
        if self == Self::caller() {
            return Vec::new();
        }
        let (uid, gid) = (format!("--reuid={}", self.uid), format!("--regid={}", self.gid()));
        ["setpriv", &uid, &gid, "--groups=incus-admin", "--"].map(str::to_owned).to_vec()
    }

    /// A field of the account's line in the user database.
    fn field(self, number: usize) -> String {
        let found = Command::new("getent").args(["passwd", &self.uid.to_string()]).output().unwrap();
        let line = String::from_utf8(found.stdout).unwrap();
        let field = line.trim_end().split(':').nth(number);
        field.unwrap_or_else(|| panic!("no account has uid {}: tests/run makes one", self.uid)).to_owned()
    }
}
