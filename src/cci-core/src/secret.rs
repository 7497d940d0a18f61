//! A secret that stays on the host: how it is named, what stands in its place in a container, and which requests carry it.

mod github;
mod host;
mod repository;

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::github::{Denied, GitHub, Repositories};
pub use self::host::{NoSecretHost, Scheme, SecretHost};
pub use self::repository::{NoRepository, Remote, Repository};

/// The longest name.
const LONGEST_NAME: usize = 64;
/// The longest value.
pub const LONGEST_VALUE: usize = 16 * 1024;

/// A name of letters, digits, `-` and `_` that begins with a letter: it is one of a file too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// It is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a secret has up to 64 letters, digits, `-` and `_`, and begins with a letter")]
pub struct NoSecretName;

impl SecretName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for the value in a container. No placeholder is a part of another, because no name has a full stop.
    #[must_use]
    pub fn placeholder(&self) -> String {
        format!("cci.{}.secret", self.0)
    }

    /// The variable that it is in, where none is named.
    #[must_use]
    pub fn variable(&self) -> String {
        self.0.replace('-', "_").to_ascii_uppercase()
    }
}

impl FromStr for SecretName {
    type Err = NoSecretName;

    fn from_str(raw: &str) -> Result<Self, NoSecretName> {
        let fits = raw.len() <= LONGEST_NAME
            && raw.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self(raw.to_owned())).ok_or(NoSecretName)
    }
}

impl TryFrom<String> for SecretName {
    type Error = NoSecretName;

    fn try_from(raw: String) -> Result<Self, NoSecretName> {
        raw.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl Display for SecretName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a secret is: a text that fits into a header. It is in no error and no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretValue(String);

/// It is no value of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of a secret is one word of visible ASCII characters, of 8 at least and 16 KiB at most")]
pub struct NoSecretValue;

impl SecretValue {
    /// The shortest: anything shorter is found by chance in what comes back, and guessed.
    const SHORTEST: usize = 8;

    /// The text itself, for the request that carries it and the file that keeps it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretValue {
    type Err = NoSecretValue;

    fn from_str(raw: &str) -> Result<Self, NoSecretValue> {
        let fits = (Self::SHORTEST..=LONGEST_VALUE).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(raw.to_owned())).ok_or(NoSecretValue)
    }
}

impl TryFrom<String> for SecretValue {
    type Error = NoSecretValue;

    fn try_from(raw: String) -> Result<Self, NoSecretValue> {
        raw.parse()
    }
}

impl From<SecretValue> for String {
    fn from(value: SecretValue) -> Self {
        value.0
    }
}

impl Debug for SecretValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path_a_flag_or_a_hidden_file() {
        for good in ["github", "OPENAI_API_KEY", "a", "x-2_y", &"a".repeat(64)] {
            assert_eq!(good.parse::<SecretName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "-x", "_x", ".x", "0x", "a b", "ä", "a\n", "a.b", &"a".repeat(65)] {
            assert_eq!(bad.parse::<SecretName>(), Err(NoSecretName), "{bad:?}");
        }
        assert_eq!("my-key".parse::<SecretName>().unwrap().variable(), "MY_KEY");
    }

    #[test]
    fn no_placeholder_is_a_part_of_another() {
        let names = ["a", "ab", "b", "ba", "a-b", "a_secret", "secret"].map(|name| name.parse::<SecretName>().unwrap());
        for (one, other) in names.iter().flat_map(|one| names.iter().map(move |other| (one, other))) {
            assert!(one == other || !one.placeholder().contains(&other.placeholder()), "{one} {other}");
        }
    }

    #[test]
    fn a_value_is_one_word_and_is_not_shown() {
        let value: SecretValue = "very-secret".parse().unwrap();
        assert_eq!((value.reveal(), format!("{value:?}")), ("very-secret", "SecretValue(…)".to_owned()));
        for bad in ["", "short", "two words", "line\nbreak", "sécrété!", &"a".repeat(LONGEST_VALUE + 1)] {
            assert!(bad.parse::<SecretValue>().is_err(), "{bad:?}");
        }
    }
}
