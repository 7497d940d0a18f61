//! The ways to report something on a terminal.

use cci_core::Error;
use cci_core::hint::hint;
use cci_engine::event::Amount;

/// How an event is reported, and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Telling {
    /// A step has begun that may take a moment: `[scope] text`, or a spinner.
    Step {
        /// What it is a part of.
        scope: &'static str,
        /// What is done.
        text: String,
    },
    /// Lines that belong to the result of a verb.
    Notes(Vec<String>),
    /// Something the user should know although the verb continues.
    Warning {
        /// What.
        text: String,
        /// The command or change that helps.
        hint: Option<String>,
    },
    /// How far something is.
    Progress {
        /// What.
        text: String,
        /// How far.
        amount: Amount,
    },
    /// Nothing is in progress.
    Idle,
}

impl Telling {
    /// A step.
    pub(super) fn step(scope: &'static str, text: impl Into<String>) -> Self {
        Self::Step { scope, text: text.into() }
    }

    /// One line.
    pub(super) fn note(line: impl Into<String>) -> Self {
        Self::Notes(vec![line.into()])
    }

    /// A failure after which the verb continues, with its hint.
    pub(super) fn failure(text: impl Into<String>, error: &Error) -> Self {
        Self::Warning { text: text.into(), hint: hint(error) }
    }

    /// A warning without a hint.
    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self::Warning { text: text.into(), hint: None }
    }
}
