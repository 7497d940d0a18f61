//! The client against a real Incus: every rule that it rests on, tried.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod exec;
mod support;
