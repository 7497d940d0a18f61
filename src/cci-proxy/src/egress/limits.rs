//! How much of everything one container may have under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::kernel::Pipes;
use super::refusal::Refusal;

/// The bytes of a hello or a head: those of the largest that programs send, several times over.
pub(super) const HEAD: usize = 64 * 1024;
/// How long a hello or a head may take from its first byte.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long a new connection may say nothing at all.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
/// How long a look-up may take.
pub(super) const LOOK_UP: Duration = Duration::from_secs(10);
/// How long an address may take to answer, together with all others of its name.
pub(super) const DIAL: Duration = Duration::from_secs(20);
/// How long a connection may carry nothing: agents wait long for an answer, and a forgotten one ends some day.
pub(super) const IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// How many connections of TLS are ended at once: each holds keys and buffers, which one that is passed on does not.
const ENDED: usize = 64;
/// How many requests one of them may have under way.
pub(super) const REQUESTS: u32 = 64;
/// How much of one answer is held for a client that does not take it, over HTTP/2.
pub(super) const UNSENT: usize = 16 * 1024;
/// How much a sender may have under way over HTTP/2 that nobody has taken: of one request or answer, and of all on a
/// connection.
pub(super) const WINDOWS: (u32, u32) = (512 * 1024, 1024 * 1024);
/// How long all headers of one request or answer may be over HTTP/2.
pub(super) const HEADERS: u32 = 64 * 1024;

/// What one container has under way.
#[derive(Debug, Clone)]
pub struct Limits {
    connections: Arc<Semaphore>,
    heads: Arc<Semaphore>,
    ended: Arc<Semaphore>,
    pub(super) pipes: Pipes,
}

impl Limits {
    /// So many connections, and so many hellos and heads that are being read. The pipes are those of all containers.
    #[must_use]
    pub fn new(connections: usize, heads: usize, pipes: &Pipes) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self {
            connections: semaphore(connections),
            heads: semaphore(heads),
            ended: semaphore(ENDED),
            pipes: pipes.clone(),
        }
    }

    pub(super) fn connection(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.connections).try_acquire_owned().map_err(|_| Refusal::Busy)
    }

    pub(super) fn ended(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.ended).try_acquire_owned().map_err(|_| Refusal::Busy)
    }

    /// A place among the heads that are being read: waited for, as others are read soon.
    pub(super) async fn head(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = tokio::time::timeout(HEAD_TIME, Arc::clone(&self.heads).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(Refusal::Busy)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(8192, 256, &Pipes::default())
    }
}
