//! The store from outside: workspaces are captured, changed and restored, and compared by a walker that shares no code with it.

#![allow(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

mod bounds;
mod full;
mod hostile;
mod keeping;
mod killed;
mod owner;
mod races;
mod repository;
mod review;
mod roundtrip;
mod support;
mod trees;
mod worktree;
