//! The hosts that a session's agent has asked its person to allow. Asking allows nothing.

use std::cell::RefCell;
use std::io;

use cci_engine::blocking::blocking;
use cci_host::store::run_dir::{HostRequest, RunDir, Watched};
use tokio::sync::Mutex;

/// So many wait for an answer.
const MOST: usize = 20;

pub(super) struct Requests {
    run: RunDir,
    watched: Watched,
    all: RefCell<Vec<HostRequest>>,
    /// Held while they are noted, so that what is noted last is what is so.
    noting: Mutex<()>,
}

impl Requests {
    /// Those of a session, with what was asked for before.
    pub(super) fn of(run: &RunDir, watched: &Watched) -> Self {
        let all = RefCell::new(run.requests(watched));
        Self { run: run.clone(), watched: watched.clone(), all, noting: Mutex::new(()) }
    }

    /// Adds one; returns whether it is new. An error says why it cannot be asked for.
    pub(super) async fn add(&self, request: HostRequest) -> io::Result<bool> {
        {
            let mut all = self.all.borrow_mut();
            if all.iter().any(|other| other.entry == request.entry) {
                return Ok(false);
            }
            if all.len() >= MOST {
                return Err(io::Error::other(format!("{MOST} hosts are asked for already: wait for an answer")));
            }
            all.push(request);
        }
        self.note().await.map(|()| true)
    }

    /// Forgets those that are answered.
    pub(super) async fn forget(&self, is_answered: impl Fn(&str) -> bool) -> io::Result<()> {
        let before = self.all.borrow().len();
        self.all.borrow_mut().retain(|request| !is_answered(&request.entry));
        if self.all.borrow().len() == before { Ok(()) } else { self.note().await }
    }

    async fn note(&self) -> io::Result<()> {
        let _noting = self.noting.lock().await;
        let (run, watched, all) = (self.run.clone(), self.watched.clone(), self.all.borrow().clone());
        blocking(move || Ok(run.note_requests(&watched, &all))).await.map_err(io::Error::other)?
    }
}
