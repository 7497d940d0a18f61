//! Tests on a real Incus, with real users, a real terminal and the real Claude Code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_input;
mod build;
mod claude;
mod clean_root;
mod docker;
mod faults;
mod hostile;
mod image;
mod install;
mod launch;
mod limits;
mod network;
mod network_attacks;
mod network_guard;
mod network_keys;
mod network_matrix;
mod network_names;
mod network_refresh;
mod no_subprocess;
mod output;
mod pin;
mod profiles;
mod races;
mod readme;
mod session;
mod settings;
mod setup;
#[path = "../support/mod.rs"]
mod support;
mod tmux;
