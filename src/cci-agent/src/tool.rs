//! The agent that a launch starts, as it is configured.

/// How the agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A new conversation of this id: a lowercase UUID.
    New(String),
    /// An old one: the id of its newest transcript.
    Resume(String),
}

/// An agent: what it is called, which program it is, and what it is always told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name, which also names the session store (`sessions-<name>`).
    pub name: String,
    /// The program in the image.
    pub binary: String,
    /// Arguments of the person's own, before the session's.
    pub args: Vec<String>,
    /// The model asked for, if any.
    pub model: Option<String>,
}
