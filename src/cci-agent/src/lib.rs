//! What cci knows about the agents: where each keeps its conversations, how it is started, what it gets of the host's
//! configuration, how it is installed. Data and pure functions: other crates read, write and run.
//!
//! # How to add an agent
//!
//! 1. Write `src/agents/NAME.rs` with a unit struct that implements [`Agent`], as below. Its name, title, state directory
//!    and command line are needed; say the rest as far as the agent has it, and test it there.
//! 2. Add it to `src/agents.rs`: its module, and a row in the table. From then on `tool.name = "NAME"` starts it,
//!    `~/.cci/sessions-NAME` keeps its conversations, and `build.tools` takes its name.
//! 3. If [`Agent::install`] has a script for it, that is `build-scripts/NAME.sh`.
//! 4. `cargo run -- reference misc` writes its name into the manual.
//!
//! Nothing else names an agent, and a test sees to that (`cargo xtask laws`).
//!
//! ```
//! use cci_agent::{Agent, Start, Tool, Transcripts};
//!
//! /// Repeats what it is told.
//! #[derive(Debug)]
//! struct Parrot;
//!
//! impl Agent for Parrot {
//!     fn name(&self) -> &'static str {
//!         "parrot"
//!     }
//!
//!     fn title(&self) -> &'static str {
//!         "Parrot"
//!     }
//!
//!     fn state_dir(&self) -> &'static str {
//!         ".parrot"
//!     }
//!
//!     fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
//!         vec![("PARROT_HOME", state.to_owned())]
//!     }
//!
//!     fn command(&self, tool: &Tool, start: &Start) -> Vec<String> {
//!         let mut argv = vec![tool.binary.clone()];
//!         argv.extend(tool.args.iter().cloned());
//!         argv.extend(match start {
//!             Start::New(id) => ["--new".to_owned(), id.clone()],
//!             // it cannot fork: a copy of the conversation is resumed
//!             Start::Resume(id) | Start::Fork { from: id, .. } => ["--again".to_owned(), id.clone()],
//!         });
//!         argv
//!     }
//!
//!     fn transcripts(&self) -> Option<Transcripts> {
//!         Some(Transcripts { dir: "said", id: |file| file.strip_suffix(".txt"), talk: |_| true, trace: None })
//!     }
//! }
//!
//! let tool = Tool { name: "parrot".into(), binary: "parrot".into(), args: vec!["--loud".into()], model: None };
//! assert_eq!(Parrot.command(&tool, &Start::Resume("x".into())), ["parrot", "--loud", "--again", "x"]);
//! ```

mod agent;
mod agents;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod history;
mod host_files;
mod import;
pub mod json;
mod login;
mod omission;
mod provider;
mod seed;
mod tool;
mod turn;

pub use agent::{Agent, FirstPrompt, Ran, RanIn, Shown, Spoken, Transcripts};
pub use agents::{agent, agents, default_agent, installable, known, names, settings_in_workspace};
pub use history::{History, Of, Rows, Unshared};
pub use host_files::HostFiles;
pub use import::{Import, Part};
pub use login::{By, Cost, Credentials, Locks, Login, Pass, Refusal, Tokens};
pub use omission::{NotCopied, Omission};
pub use provider::{OpenedBy, Provided, Provider, Unfit};
pub use seed::{Copied, Document, Documents, Form, Given, HostPlace, Secrets, Seeded, Sources};
pub use tool::{Start, Tool};
pub use turn::{Turn, TurnCommands, TurnHooks};
