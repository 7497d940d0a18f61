//! Work that makes more work, done by a few threads; the latest first, so that few directories are open at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Work that waits, and how many are at work.
pub(crate) struct Pool<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    waiting: Vec<J>,
    busy: usize,
    stopped: bool,
}

impl<J> Pool<J> {
    pub(crate) fn new(first: J) -> Self {
        Self { state: Mutex::new(State { waiting: vec![first], busy: 0, stopped: false }), changed: Condvar::new() }
    }

    /// Adds work; the last of it is done first.
    pub(crate) fn add(&self, jobs: impl IntoIterator<Item = J>) {
        let mut state = self.lock();
        state.waiting.extend(jobs);
        // who adds work is free soon: a single piece is for itself, and nobody has to wake up for it
        if state.waiting.len() > 1 {
            self.changed.notify_all();
        }
    }

    /// Lets nobody begin anything further.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Works until nothing is left and nobody can add anything.
    pub(crate) fn work(&self, mut job: impl FnMut(J)) {
        while let Some(next) = self.take() {
            job(next);
            let mut state = self.lock();
            state.busy -= 1;
            if state.busy == 0 && state.waiting.is_empty() {
                self.changed.notify_all();
            }
        }
    }

    fn take(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.waiting.pop() {
                state.busy += 1;
                return Some(job);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
