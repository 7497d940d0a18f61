//! Tests on a real Incus, with real users, a real terminal and the real Claude Code.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod agent_config;
mod agent_socket;
mod agents;
mod attacks;
mod bad_input;
mod bench;
mod budgets;
mod build;
mod checkpoints;
mod claude;
mod clean_root;
mod container;
mod docker;
mod faults;
mod file;
mod file_hostile;
mod foreign_text;
mod fork;
mod fork_identity;
mod home;
mod host_state;
mod hostile;
mod image;
mod install;
mod launch;
mod limits;
mod login;
mod login_accounts;
mod network;
mod no_subprocess;
mod output;
mod pin;
mod profiles;
mod races;
mod readme;
mod reclaim;
mod replaced;
mod rewind;
mod rewindable;
mod roots;
mod run_streams;
mod secrets;
mod session;
mod settings;
mod setup;
mod slow_rewinds;
mod standard_image;
mod supervisor;
mod terminal;
mod tmux;
mod trust;
mod used_by;
mod workspace;

use cci_test_support as support;
