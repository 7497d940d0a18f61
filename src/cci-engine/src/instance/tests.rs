//! The verbs on containers, against a daemon in memory.

mod also_named;
mod container;
mod end;
mod find;
mod list;
mod mount;
mod remove;
