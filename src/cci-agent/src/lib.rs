//! What cci knows of the agents: where each keeps its conversations, how it is started, what of the host's configuration
//! it is given, how it is installed. Data and pure functions: the rooms above read, write and run.
//!
//! # How to add an agent
//!
//! 1. Write `src/NAME.rs` with a unit struct that implements [`Agent`], as below. Only what has no default is needed: its
//!    name, its title, its state directory and its command line. Say the rest as far as the agent has it, and test it there.
//! 2. Add a row to [`AGENTS`]. From then on `tool.name = "NAME"` starts it, `~/.cci/sessions-NAME` keeps its
//!    conversations, and `build.tools` takes its name.
//! 3. If [`Agent::install`] returns a script, put that into `build-scripts/NAME.sh` and include it.
//!
//! Nothing else names an agent.
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
//!             Start::Resume(id) => ["--again".to_owned(), id.clone()],
//!         });
//!         argv
//!     }
//!
//!     fn transcripts(&self) -> Option<Transcripts> {
//!         Some(Transcripts { dir: "said", id: |file| file.strip_suffix(".txt") })
//!     }
//! }
//!
//! let tool = Tool { name: "parrot".into(), binary: "parrot".into(), args: vec!["--loud".into()], model: None };
//! assert_eq!(Parrot.command(&tool, &Start::Resume("x".into())), ["parrot", "--loud", "--again", "x"]);
//! ```

mod agent;
mod claude;
mod dummy;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod json;
mod seed;
mod table;
mod tool;

pub use agent::{Agent, Transcripts};
pub use seed::{Broken, Copied, Files, Given, Secrets, Seeded, Sources};
pub use table::{AGENTS, agent, default_agent, known, names};
pub use tool::{Start, Tool};
