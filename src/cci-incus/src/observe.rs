//! What an observer of a client is told: which calls were made and how long each took.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Told of every exchange; called on the task that made the call, so it must not block.
pub type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// One call and the head of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What is asked, in words: `read instance c1`.
    pub what: String,
    /// The HTTP status; 0 if no answer came.
    pub status: u16,
    /// When it began.
    pub began: Instant,
    /// From the first byte of the call to the end of the answer, or to its head where the answer is a stream.
    pub elapsed: Duration,
}
