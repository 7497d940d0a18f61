//! The name of an agent's account on the host.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The account that is the caller's own login of the agent; it is always there.
const HOST: &str = "host";
/// The longest name.
const LONGEST: usize = 64;

/// A name of lowercase letters, digits, `-` and `_` that begins with a letter or a digit: it is one of a file too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// It is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of an account has up to 64 lowercase letters, digits, `-` and `_`, and begins with a letter or a digit"
)]
pub struct NoAccountName;

impl AccountName {
    /// The caller's own login of the agent.
    #[must_use]
    pub fn host() -> Self {
        Self(HOST.to_owned())
    }

    /// Whether it is that.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.0 == HOST
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = NoAccountName;

    fn from_str(raw: &str) -> Result<Self, NoAccountName> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = raw.len() <= LONGEST
            && raw.bytes().next().is_some_and(is_plain)
            && raw.bytes().all(|byte| is_plain(byte) || byte == b'-' || byte == b'_');
        fits.then(|| Self(raw.to_owned())).ok_or(NoAccountName)
    }
}

impl TryFrom<String> for AccountName {
    type Error = NoAccountName;

    fn try_from(raw: String) -> Result<Self, NoAccountName> {
        raw.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
}

impl Display for AccountName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path_a_flag_or_a_hidden_file() {
        for good in ["work", "a", "0", "work-2_x", &"a".repeat(64)] {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "-x", "_x", ".x", "Work", "a b", "ä", "a\n", "a.b", &"a".repeat(65)] {
            assert_eq!(bad.parse::<AccountName>(), Err(NoAccountName), "{bad:?}");
        }
        assert!(AccountName::host().is_host() && !"work".parse::<AccountName>().unwrap().is_host());
    }
}
