//! The identity of a checkpoint.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many hexadecimal digits an id has.
const DIGITS: usize = 10;

/// A checkpoint's id: ten lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckpointId(String);

impl CheckpointId {
    /// An id from the upper 40 of these random bits.
    #[must_use]
    pub fn from_random(bits: u64) -> Self {
        Self(format!("{:010x}", bits >> 24))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the container that holds a checkpoint's root file system.
    #[must_use]
    pub fn instance(&self) -> String {
        format!("cci-cp-{self}")
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Text that is not a checkpoint's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a checkpoint's id ({DIGITS} hexadecimal digits)")]
pub struct CheckpointIdError(String);

impl FromStr for CheckpointId {
    type Err = CheckpointIdError;

    fn from_str(raw: &str) -> Result<Self, CheckpointIdError> {
        let hex = raw.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex && raw.len() == DIGITS { Ok(Self(raw.to_owned())) } else { Err(CheckpointIdError(raw.to_owned())) }
    }
}

impl TryFrom<String> for CheckpointId {
    type Error = CheckpointIdError;

    fn try_from(raw: String) -> Result<Self, CheckpointIdError> {
        raw.parse()
    }
}

impl From<CheckpointId> for String {
    fn from(id: CheckpointId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_ten_lowercase_hexadecimal_digits() {
        let id = CheckpointId::from_random(0x0001_abcd_ff00_0000);
        assert_eq!(id.to_string(), "0001abcdff");
        assert_eq!(id.instance(), "cci-cp-0001abcdff");
        assert_eq!("0001abcdff".parse(), Ok(id));
        for raw in ["", "0001abcdf", "0001ABCDFF", "../abcdefg", "0001abcdff0"] {
            assert!(raw.parse::<CheckpointId>().is_err(), "{raw}");
        }
        assert!(serde_json::from_str::<CheckpointId>("\"../../../x\"").is_err());
    }
}
