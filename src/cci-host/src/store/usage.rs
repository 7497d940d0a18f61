//! What a session has asked of its agent's API: a file in the session's directory, which no container sees.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_agent::Tokens;
use serde::{Deserialize, Serialize};

use super::put::PRIVATE;

/// Requests and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Requests that were passed on.
    pub requests: u64,
    /// Tokens that were read.
    pub input_tokens: u64,
    /// Tokens that were written.
    pub output_tokens: u64,
    /// Tokens that were read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens that were put into the cache.
    pub cache_written_tokens: u64,
}

impl Usage {
    /// One request that took this.
    #[must_use]
    pub fn of(requests: u64, tokens: Tokens) -> Self {
        let Tokens { input, output, cache_read, cache_written } = tokens;
        Self {
            requests,
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: cache_read,
            cache_written_tokens: cache_written,
        }
    }

    /// All tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        [self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_written_tokens]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(more.requests),
            input_tokens: self.input_tokens.saturating_add(more.input_tokens),
            output_tokens: self.output_tokens.saturating_add(more.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(more.cache_read_tokens),
            cache_written_tokens: self.cache_written_tokens.saturating_add(more.cache_written_tokens),
        }
    }

    /// What a session has used; what cannot be read is nothing.
    #[must_use]
    pub fn read(session: &Path) -> Self {
        fs::read(place(session)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Adds to it and returns the sum. Two processes at once lose nothing: one that ends hands over to another.
    pub fn add(session: &Path, more: Self) -> io::Result<Self> {
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).mode(PRIVATE);
        let lock = open.open(session.join("usage.lock"))?;
        lock.lock()?;
        let sum = Self::read(session).and(more);
        let beside = super::put::beside(&place(session));
        let written = fs::write(&beside, serde_json::to_vec(&sum)?).and_then(|()| fs::rename(&beside, place(session)));
        written.inspect_err(|_| drop(fs::remove_file(&beside)))?;
        Ok(sum)
    }
}

fn place(session: &Path) -> PathBuf {
    session.join("usage.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_added_at_once_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens { input: 1, output: 2, cache_read: 3, cache_written: 4 };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        Usage::add(dir.path(), Usage::of(1, tokens)).unwrap();
                    }
                });
            }
        });
        let sum = Usage::read(dir.path());
        assert_eq!((sum.requests, sum.tokens()), (400, 4_000));
        fs::write(place(dir.path()), "{").unwrap();
        assert_eq!(Usage::read(dir.path()), Usage::default());
    }
}
