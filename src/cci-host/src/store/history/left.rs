//! What is not copied, and why.

use std::fmt;

use cci_agent::Unshared;

/// A conversation that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: WhyLeft,
}

/// Why a conversation is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyLeft {
    /// It is not what it has to be.
    Unshared(Unshared),
    /// It is too large, or there are too many.
    TooMuch,
    /// What has its name is no file.
    NoFile,
    /// The host and the session went on with it in different ways.
    Diverged,
    /// It was being written.
    Written,
    /// The system's reason.
    Io(String),
}

impl fmt::Display for WhyLeft {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unshared(why) => why.fmt(out),
            Self::TooMuch => write!(out, "there is too much of it"),
            Self::NoFile => write!(out, "what has its name is no file"),
            Self::Diverged => write!(out, "the host and the session went on with it in different ways"),
            Self::Written => write!(out, "it was being written"),
            Self::Io(why) => write!(out, "{why}"),
        }
    }
}

impl From<std::io::Error> for WhyLeft {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
