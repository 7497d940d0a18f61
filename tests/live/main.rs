//! Tests on a real Incus, with real users, a real terminal and the real Claude Code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_input;
mod claude;
mod container;
mod docker;
mod file;
mod file_hostile;
mod launch;
mod network;
mod network_names;
mod no_subprocess;
mod races;
mod run_streams;
mod session;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod tmux;
