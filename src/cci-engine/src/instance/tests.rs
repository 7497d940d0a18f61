//! The verbs on containers, against a daemon in memory.

mod container;
mod end;
mod find;
mod list;
mod mount;
mod remove;
