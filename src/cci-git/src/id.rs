//! The names of objects: SHA-1 as git computes it, and the pair that names a whole workspace.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of an object in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id([u8; 20]);

/// Everything that the store holds of a workspace at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// Names, kinds and contents.
    pub tree: Id,
    /// Modes, times, empty directories, and what is not held.
    pub stat: Id,
}

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object's id is 40 hexadecimal digits")]
pub struct NoId;

impl Id {
    /// How many bytes an id has.
    pub(crate) const LEN: usize = 20;

    /// The id in `bytes`, if there are as many as it takes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The id's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As the libraries of git take it.
    pub(crate) fn oid(&self) -> &gix_hash::oid {
        gix_hash::oid::from_bytes_unchecked(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != 2 * Self::LEN || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoId);
        }
        let mut bytes = [0; Self::LEN];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| NoId)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Id {
    type Error = NoId;

    fn try_from(text: String) -> Result<Self, NoId> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}
