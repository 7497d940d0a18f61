//! What a use-case can tell the person while it works; how it looks is the business of `ui`.

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
    /// Asks `question [y/N]`; without a terminal the answer is no.
    fn confirm(&self, question: &str) -> Answer;
    /// Lets the person choose one of several; `None` where nobody is asked or nothing is chosen.
    fn choose(&self, question: &str, several: &[String]) -> Option<usize>;
}

/// How far something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is under way.
    pub text: String,
    /// Bytes or items done, and their total where it is known.
    pub done: u64,
    /// The total of `done`, where it is known.
    pub total: Option<u64>,
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
