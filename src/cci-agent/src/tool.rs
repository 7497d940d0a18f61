//! The agent that a launch starts, as configured.

/// How the agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A new conversation of this id: a lowercase UUID.
    New(String),
    /// An old one: the id of its newest transcript.
    Resume(String),
    /// A new one that begins with everything that was said in an old one.
    Fork {
        /// The id of the old one's newest transcript.
        from: String,
        /// The id of the new one.
        to: String,
    },
}

/// An agent: its name, its program, and its fixed arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name, which also names the session store (`sessions-<name>`).
    pub name: String,
    /// The program in the image.
    pub binary: String,
    /// The user's own arguments, before the session's.
    pub args: Vec<String>,
    /// The model asked for, if any.
    pub model: Option<String>,
}
