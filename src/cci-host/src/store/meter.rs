//! Counts what a transfer has moved, for progress display.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes and files so far.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    files: AtomicU64,
    total: OnceLock<u64>,
}

impl Meter {
    /// Bytes that have been moved.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The total, if it is known beforehand.
    pub fn expect_bytes(&self, total: u64) {
        let _ = self.total.set(total);
    }

    /// The expected total.
    pub fn total(&self) -> Option<u64> {
        self.total.get().copied()
    }

    /// Counts a file, a directory or a link.
    pub fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes moved so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Files moved so far.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }
}
