//! What can be typed: one file a verb, each of which reads its arguments, calls one use-case and says how it ended.

mod args;
mod attach;
mod clean;
mod config;
mod end;
mod info;
mod list;
mod persist;
mod profile;
mod run;
mod shell;
mod start;
mod tmux;
mod usage;
mod version;
mod which;

pub(crate) use start::main;
