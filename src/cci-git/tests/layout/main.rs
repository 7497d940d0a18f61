//! Workspaces as git itself makes them, and as an agent could: what is found, shown, guarded and refused. The tests run git; what they
//! test does not.

#![allow(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

mod found;
mod outside;
mod recorded;
mod refused;
mod syntax;
mod world;
