//! What can be typed: one file a verb, each of which reads its arguments, calls one use-case and says how it ended.

mod args;
mod attach;
mod end;
mod list;
mod run;
mod shell;
mod start;
mod usage;
mod version;

pub(crate) use start::main;
