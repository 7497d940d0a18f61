//! What can be typed: one file a verb, each of which reads its arguments, calls one use-case and says how it ended.

mod args;
mod attach;
mod bench;
mod build;
mod capture;
mod clean;
mod command;
mod complete;
mod completion;
mod config;
mod container;
mod doctor;
mod end;
mod file;
mod given;
mod image;
mod info;
mod launch_flags;
mod list;
mod network;
mod output;
mod owner;
mod persist;
mod profile;
mod reclaim;
mod reference;
mod run;
mod schema;
mod setup;
mod shell;
mod start;
mod tmux;
mod usage;
mod version;
mod which;

pub use start::main;
