//! `cci` runs Claude Code and other coding agents in Incus system containers.
//!
//! One way: `cli` reads what was typed, `settings` what is configured, `app` decides with `cci-core` and acts through
//! `cci-incus` and `store`, `ui` tells the person.

mod bench;
mod cli;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod ui;

pub use cli::main;
