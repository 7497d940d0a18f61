//! How an agent tells cci that a turn of it begins and ends.

/// What of cci's an agent runs at the turns of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnHooks {
    /// A text that each of cci's commands contains, and no other: by it those of an earlier launch are known.
    pub known_by: &'static str,
    /// The commands; nothing where no turn is to be told.
    pub commands: Option<TurnCommands>,
    /// A line for a shell that prints a JSON object with `context`, a text that the agent is to know after it has used a tool,
    /// or nothing; nothing where there never is one.
    pub heard: Option<String>,
}

/// Lines for a shell, each of which reads what the agent knows of the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnCommands {
    /// Run before the agent works on a prompt.
    pub start: String,
    /// Run when it waits for the next one.
    pub end: String,
}

/// What an agent tells of one of its turns. It comes out of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// The first line of its prompt.
    pub prompt: Option<String>,
    /// The name of the transcript, in the agent's directory of transcripts.
    pub transcript: Option<String>,
    /// What the agent calls the prompt.
    pub prompt_id: Option<String>,
    /// What the agent said last.
    pub said: Option<String>,
}
