//! What a session has used, and its note on the disk: one writer at a time, however many answers end together.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cci_host::store::usage::Usage;
use tokio_util::task::TaskTracker;

/// The sum of one session.
pub(super) struct Tally {
    /// Where it is noted.
    session: PathBuf,
    work: TaskTracker,
    sums: Mutex<Sums>,
}

struct Sums {
    used: Usage,
    /// What of that is not noted yet.
    unnoted: Usage,
    is_noting: bool,
}

impl Tally {
    /// As far as it was noted before.
    pub(super) fn of(session: PathBuf, work: TaskTracker) -> Arc<Self> {
        let sums = Sums { used: Usage::read(&session), unnoted: Usage::default(), is_noting: false };
        Arc::new(Self { session, work, sums: Mutex::new(sums) })
    }

    /// What was used so far.
    pub(super) fn used(&self) -> Usage {
        self.sums().used
    }

    /// Adds to it.
    pub(super) fn add(self: &Arc<Self>, more: Usage) {
        let mut sums = self.sums();
        (sums.used, sums.unnoted) = (sums.used.and(more), sums.unnoted.and(more));
        if !sums.is_noting {
            sums.is_noting = true;
            let tally = Arc::clone(self);
            self.work.spawn_blocking(move || tally.note());
        }
    }

    /// Notes until everything is noted.
    fn note(&self) {
        while let Some(more) = self.next() {
            // what cannot be noted still counts as long as this process lives
            drop(Usage::add(&self.session, more));
        }
    }

    fn next(&self) -> Option<Usage> {
        let mut sums = self.sums();
        let more = std::mem::take(&mut sums.unnoted);
        sums.is_noting = more != Usage::default();
        sums.is_noting.then_some(more)
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ends_together_is_noted_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (work, one) = (TaskTracker::new(), Usage { requests: 1, ..Usage::default() });
        let tally = Tally::of(dir.path().to_owned(), work.clone());
        (0..100).for_each(|_| tally.add(one));
        work.close();
        work.wait().await;
        assert_eq!((Usage::read(dir.path()), tally.used().requests), (tally.used(), 100));
        assert_eq!(Tally::of(dir.path().to_owned(), work).used().requests, 100);
    }
}
