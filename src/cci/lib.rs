//! `cci` runs Claude Code and other coding agents in Incus system containers.
//!
//! One way: `cli` reads what was typed, `settings` what is configured, `app` decides with `cci-core` and acts through
//! `cci-incus` and `store`, `ui` tells the person.

mod app;
mod cli;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod host;
mod settings;
mod store;
mod ui;

pub use cli::main;
