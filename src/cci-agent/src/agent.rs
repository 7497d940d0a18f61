//! What cci needs to know about an agent.

use std::fmt::Debug;

use crate::history::History;
use crate::import::Import;
use crate::login::Login;
use crate::seed::{Given, HostPlace, Seeded, Sources};
use crate::tool::{Start, Tool};
use crate::turn::Turn;
use serde_json::Value;

/// An agent that cci knows.
pub trait Agent: Debug + Sync {
    /// Its name in the configuration, which also names its session store (`sessions-<name>`).
    fn name(&self) -> &'static str;

    /// Its display name.
    fn title(&self) -> &'static str;

    /// Its state directory: the name in a session's directory on the host and in the home in a container, where it is
    /// mounted.
    fn state_dir(&self) -> &'static str;

    /// The argv that starts it, so that it asks no questions that the container answers.
    fn command(&self, tool: &Tool, start: &Start) -> Vec<String>;

    /// The variables that tell it where in the container its state is (`state`), and how to behave in one. They are not
    /// secret.
    fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
        let _ = state;
        Vec::new()
    }

    /// What the names of variables begin with that say how it works or how it is let in, in upper case.
    fn variables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where it keeps transcripts. Without them a conversation starts over whenever its container is removed.
    fn transcripts(&self) -> Option<Transcripts> {
        None
    }

    /// Where in its state directory it keeps those of conversations in this directory, if that depends on the directory.
    fn transcripts_of(&self, directory: &str) -> Option<String> {
        let _ = directory;
        None
    }

    /// How its conversations on the host and in sessions become each other's, if cci knows that.
    fn history(&self) -> Option<History> {
        None
    }

    /// What in its state directory makes up the conversation: names in that directory, which come back with a rewind.
    /// Everything else there stays as it is.
    fn conversation(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a line of a transcript: what was said in it, and what it cost. Without this nobody can tell.
    fn spoken(&self) -> Option<fn(&[u8]) -> Spoken> {
        None
    }

    /// Reads a line of a transcript: the commands that it ran. Without this nobody can tell.
    fn ran(&self) -> Option<RanIn> {
        None
    }

    /// The variable that names the directory of its configuration on the host.
    fn place_variable(&self) -> Option<&'static str> {
        None
    }

    /// What has to be read before it can be [seeded](Agent::seed) with these parts of its configuration.
    fn sources(&self, place: &HostPlace, import: &Import) -> Sources {
        let _ = (place, import);
        Sources::default()
    }

    /// What is written into its state directory before it starts, derived from what was read.
    fn seed(&self, given: &Given<'_>) -> Seeded {
        let _ = given;
        Seeded::default()
    }

    /// Reads its screen: whether it is ready for a prompt. Without this, an agent that prints nothing for a while is taken
    /// to be ready.
    fn screen(&self) -> Option<fn(&str) -> Shown> {
        None
    }

    /// How it takes the prompt that it is started with; `None` if nobody knows.
    fn first_prompt(&self) -> Option<FirstPrompt> {
        self.screen().map(|_| FirstPrompt::Typed)
    }

    /// What has to follow a prompt so that Enter submits it as it is.
    fn ends_with(&self, prompt: &[u8]) -> &'static str {
        let _ = prompt;
        ""
    }

    /// The variable in which it finds its API key.
    fn api_key_variable(&self) -> Option<&'static str> {
        None
    }

    /// Its login, if cci knows how to keep it out of containers.
    fn login(&self) -> Option<&'static dyn Login> {
        None
    }

    /// Whether it runs commands at the start and the end of its turns, if it is seeded with them
    /// ([`Given::turns`](Given)).
    fn tells_turns(&self) -> bool {
        false
    }

    /// What it tells such a command; `None` if that is of no turn of the conversation itself.
    fn turn(&self, told: &Value) -> Option<Turn> {
        let _ = told;
        None
    }

    /// Whether the end of a transcript has all that was said in a turn: an agent may write it down a moment later.
    fn has_written(&self, turn: &Turn, tail: &[u8]) -> bool {
        let _ = (turn, tail);
        true
    }

    /// Places below the host's home that containers never see.
    fn protected(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where in a workspace it has settings that run something, as patterns of `.gitignore`.
    fn settings_in_workspace(&self) -> &'static [&'static str] {
        &[]
    }

    /// The domains that it must reach.
    fn domains(&self) -> &'static [&'static str] {
        &[]
    }

    /// A script that installs it as root, once Node is installed: the version in `CCI_VERSION`, which its last line says.
    /// Without one nothing needs to be done.
    fn install(&self) -> Option<&'static str> {
        None
    }
}

/// How an agent takes the prompt that it is started with. None is an argument: everybody on the host could read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPrompt {
    /// It reads its standard input to the end, and talks to the terminal nevertheless.
    Read,
    /// It is typed once its screen says that it is ready.
    Typed,
}

/// What an agent shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A prompt, and what has been typed there already.
    Prompt(String),
    /// A question, which a prompt would answer.
    Question,
    /// Anything else.
    Other,
}

/// What a line of a transcript says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken {
    /// When it was written, as the agent noted it.
    pub at: String,
    /// Whether it is a prompt.
    pub is_prompt: bool,
    /// The answer that it is a part of, and how many tokens that took in all; each part of an answer says the same.
    pub answer: Option<(String, u64)>,
}

/// Reads a line of a transcript.
pub type RanIn = fn(&[u8]) -> Vec<Ran>;

/// A command that an agent ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// When, as the agent noted it.
    pub at: String,
    /// The line for a shell.
    pub command: String,
}

/// Where an agent that works in `/workspace` keeps its transcripts: one file for each conversation.
#[derive(Debug, Clone, Copy)]
pub struct Transcripts {
    /// Their directory within the state directory.
    pub dir: &'static str,
    /// The agent's id of a conversation, from a file's name there; `None` for other files.
    pub id: fn(&str) -> Option<&str>,
    /// Whether a line of such a file belongs to a conversation with a person, which can be resumed.
    pub talk: fn(&[u8]) -> bool,
    /// A file in the state directory that exists once something has been said.
    pub trace: Option<&'static str>,
}
