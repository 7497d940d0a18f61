//! The client against a real Incus: tests every behaviour that it relies on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it leaves"
)]

mod door;
mod event;
mod exec;
mod exec_end;
mod file;
mod image;
mod instance;
mod network;
mod operation;
mod remote;
mod restart;
mod store;
mod streams;
mod support;
mod terminal;
