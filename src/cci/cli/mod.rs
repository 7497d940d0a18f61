//! What can be typed: one file a verb, each of which reads its arguments, calls one use-case and says how it ended.

mod args;
mod attach;
mod build;
mod clean;
mod config;
mod doctor;
mod end;
mod info;
mod list;
mod network;
mod persist;
mod profile;
mod reclaim;
mod run;
mod setup;
mod shell;
mod start;
mod tmux;
mod usage;
mod version;
mod which;

pub(crate) use start::main;
