//! Counts what a transfer has moved, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes and files so far.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    files: AtomicU64,
}

impl Meter {
    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A file, a directory or a link.
    pub(crate) fn add_file(&self) {
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
