//! What a use-case can tell the person while it works; how it looks is the business of `ui`.

use cci_core::Result;
use futures_util::future::LocalBoxFuture;

/// Takes what a use-case has to say, on its way to stderr.
pub trait Reporter: Send + Sync {
    /// A step has begun that may take a moment: shown as `[scope] text` or on a spinner.
    fn step(&self, scope: &str, text: &str);
    /// A line that belongs to the result of the verb, such as `Session ID: …`.
    fn note(&self, line: &str);
    /// Something the person should know although the verb goes on.
    fn warn(&self, line: &str);
    /// The way on: a command or change that helps, as `hint: …`.
    fn hint(&self, line: &str);
    /// How far a transfer or a build is; `None` removes what was shown.
    fn progress(&self, progress: Option<Progress>);
    /// Asks `question [y/N]`.
    fn confirm<'a>(&'a self, question: &'a str) -> LocalBoxFuture<'a, Result<Answer>>;
    /// Lets the person choose one of several; `None` where nobody is asked or nothing is chosen.
    fn choose<'a>(&'a self, question: &'a str, several: &'a [String]) -> LocalBoxFuture<'a, Result<Option<usize>>>;
}

/// How far something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is under way.
    pub text: String,
    /// How much of it is done.
    pub amount: Amount,
}

/// How much of something is done, in what it is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// It is not counted.
    Unknown,
    /// Bytes, and their total where it is known.
    Bytes {
        /// So many so far.
        done: u64,
        /// So many in the end.
        total: Option<u64>,
    },
    /// The step that is under way, from 1, and how many there are.
    Steps {
        /// This one.
        done: u64,
        /// All of them.
        total: u64,
    },
    /// 0 to 100.
    Percent(u8),
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The person said yes.
    Yes,
    /// The person said no.
    No,
    /// There is nobody to ask.
    NoTerminal,
}
