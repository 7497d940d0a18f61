//! What the requests under way may take of a session's tokens: together they do not pass its limit.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of bodies one session has in memory at most: one of the largest, in pieces of 1 KiB.
const ROOM: u32 = 64 * 1024;
const PIECE: u64 = 1024;

/// The tokens of a session.
pub(super) struct Reserve {
    /// How many it may use; 0 is no limit.
    pub(super) most: u64,
    reserved: Cell<u64>,
    room: Arc<Semaphore>,
}

/// What one request may take, until it is known what it took.
pub(super) struct Reserved {
    of: Rc<Reserve>,
    tokens: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.of.reserved.set(self.of.reserved.get() - self.tokens);
    }
}

impl Reserve {
    pub(super) fn of(most: u32) -> Rc<Self> {
        let room = Arc::new(Semaphore::new(ROOM as usize));
        Rc::new(Self { most: u64::from(most), reserved: Cell::new(0), room })
    }

    /// Reserves what a request may take of what is left behind `used`. One that is alone may take more than that: what it
    /// will really take is much less, and nobody else adds to it.
    pub(super) fn take(self: &Rc<Self>, used: u64, tokens: u64) -> Option<Reserved> {
        let tokens = tokens.min(self.most);
        let reserved = self.reserved.get();
        if reserved > 0 && used.saturating_add(reserved).saturating_add(tokens) > self.most {
            return None;
        }
        self.reserved.set(reserved + tokens);
        Some(Reserved { of: Rc::clone(self), tokens })
    }

    /// Waits for the room that a body of this length needs; one of unknown length needs all.
    pub(super) async fn room(&self, length: Option<u64>) -> Option<OwnedSemaphorePermit> {
        let pieces = length.map_or(ROOM, |length| u32::try_from(length.div_ceil(PIECE)).unwrap_or(ROOM).min(ROOM));
        Arc::clone(&self.room).acquire_many_owned(pieces).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_are_under_way_together_do_not_pass_the_limit() {
        let reserve = Reserve::of(100);
        let first = reserve.take(10, 60).unwrap();
        assert!(reserve.take(10, 31).is_none());
        let second = reserve.take(10, 30).unwrap();
        assert!(reserve.take(10, 1).is_none());
        drop(first);
        assert!(reserve.take(40, 30).is_some());
        drop(second);
        let alone = reserve.take(99, u64::MAX).unwrap();
        assert!(reserve.take(99, 0).is_none(), "nothing beside one that may take all");
        drop(alone);
        assert!(reserve.take(99, 1).is_some());
    }
}
