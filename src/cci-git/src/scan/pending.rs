//! A directory that is not finished, and the work that there is in it.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::dir::Dir;
use crate::scan::listing::Entry;

/// A directory that is not finished.
pub(crate) struct Pending {
    /// The directory above and the position there.
    pub(crate) parent: Option<(Arc<Pending>, usize)>,
    /// The number of the directory in the scan.
    pub(crate) number: usize,
    /// Its number in the cache.
    pub(crate) cached: Option<usize>,
    /// Whether what is here is compressed already: objects of git.
    pub(crate) raw: bool,
    /// None until it is opened.
    pub(crate) dir: Mutex<Option<Arc<Dir>>>,
    pub(crate) entries: Mutex<Vec<Entry>>,
    pub(crate) leftovers: Mutex<Vec<Box<[u8]>>>,
    /// Children, batches and the listing itself that are not done.
    waiting: AtomicUsize,
    /// Children that are not open yet.
    unopened: AtomicUsize,
}

impl Pending {
    pub(crate) fn new(parent: Option<(Arc<Self>, usize)>, number: usize, cached: Option<usize>, raw: bool) -> Self {
        Self {
            parent,
            number,
            cached,
            raw,
            dir: Mutex::default(),
            entries: Mutex::default(),
            leftovers: Mutex::default(),
            waiting: AtomicUsize::new(1),
            unopened: AtomicUsize::new(0),
        }
    }

    /// Children and batches of files have to be done before the directory is.
    pub(crate) fn wait_for(&self, children: usize, batches: usize) {
        self.waiting.fetch_add(children + batches, Ordering::AcqRel);
        self.unopened.store(children, Ordering::Release);
    }

    /// A part is done; whether it was the last.
    pub(crate) fn part_done(&self) -> bool {
        self.waiting.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// A child is open, or cannot be opened; whether it was the last.
    pub(crate) fn child_opened(&self) -> bool {
        self.unopened.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// As with directories, a chain of thousands is taken apart step by step.
impl Drop for Pending {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut parent) = next.and_then(|(parent, _)| Arc::into_inner(parent)) {
            next = parent.parent.take();
        }
    }
}

/// A piece of work.
pub(crate) enum Job {
    /// A directory.
    List(Arc<Pending>),
    /// Some files of a directory.
    Read(Arc<Pending>, Arc<Dir>, Arc<Vec<usize>>, Range<usize>),
}
