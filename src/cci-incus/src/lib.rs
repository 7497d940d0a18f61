//! A typed async client of the [Incus](https://linuxcontainers.org/incus/) REST API.
//!
//! Calls are values built by pure functions ([`request`]); a [`Client`] sends them over a unix socket or HTTPS and reads
//! the answer by its body ([`reply`]). Long work is an [`operation::Operation`] with a named, limited wait. The crate
//! works in a current-thread tokio runtime, and dropping any of its futures is safe.

pub mod client;
pub mod error;
pub mod event;
pub mod exec;
pub mod image;
pub mod instance;
pub mod network;
pub mod operation;
pub mod profile;
pub mod reply;
pub mod request;
pub mod socket;
mod transport;
mod websocket;

pub use client::{Client, Exchange};
pub use error::{Error, Result};
