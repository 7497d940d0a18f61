//! `cci` runs Claude Code and other coding agents in Incus system containers.
//!
//! This is the front end: `cli` parses what was typed, the use-cases of `cci-engine` do the work, `ui` tells the user,
//! `bench` measures, `supervisor` is the process that outlives commands.

mod bench;
mod cli;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod supervisor;
mod ui;

pub use cli::main;
