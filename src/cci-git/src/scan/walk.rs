//! The walk: lists directories, looks at each name, and reads what the cache does not know.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::dir::{Dir, path_of};
use crate::error::{Error, Result, at};
use crate::meta::Meta;
use crate::not_held::{NotHeld, Why};
use crate::pack::deflate::Squeeze;
use crate::scan::content::{self, Tools};
use crate::scan::how::How;
use crate::scan::listing::{Ids, Listing, Scan, What};
use crate::scan::look::{Child, Found, look, names};
use crate::scan::pending::{Job, Pending};
use crate::scan::pool::Pool;
use crate::scan::seal::{Top, seal};

/// How many files of one directory one thread reads before others may help.
const BATCH: usize = 64;

/// Looks at a directory and everything below.
pub(crate) fn scan(root: &Arc<Dir>, how: &How<'_>) -> Result<Scan> {
    let top =
        Meta::open(&*root.fd().map_err(at("open", path_of(root.path())))?).map_err(at("look at", "the workspace"))?;
    let first = Pending::new(None, 0, how.cache.map(|_| 0), inside_objects(root));
    *lock(&first.dir) = Some(root.clone());
    let walk = Walk {
        how,
        device: top.dev,
        top,
        pool: Pool::new(Job::List(Arc::new(first))),
        done: Mutex::new(vec![Listing::default()]),
        not_held: Mutex::default(),
        missed: AtomicUsize::new(0),
        failed: Mutex::default(),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| walk.work());
        }
        walk.work();
    });
    walk.result()
}

/// A walk on its way.
struct Walk<'a> {
    how: &'a How<'a>,
    device: (u32, u32),
    top: Meta,
    pool: Pool<Job>,
    done: Mutex<Vec<Listing>>,
    not_held: Mutex<Vec<NotHeld>>,
    missed: AtomicUsize,
    failed: Mutex<Option<Error>>,
}

impl Walk<'_> {
    fn work(&self) {
        let mut tools = Tools::new();
        self.pool.work(|job| {
            let done = match job {
                Job::List(pending) => self.list(&pending, &mut tools),
                Job::Read(pending, dir, files, some) => self
                    .read(&pending, &dir, &files[some], &mut tools)
                    .and_then(|()| self.part_done(pending, &mut tools)),
            };
            if let Err(error) = done {
                lock(&self.failed).get_or_insert(error);
                self.pool.stop();
            }
        });
    }

    fn result(self) -> Result<Scan> {
        if let Some(error) = lock(&self.failed).take() {
            return Err(error);
        }
        let directories = std::mem::take(&mut *lock(&self.done));
        let mut not_held = std::mem::take(&mut *lock(&self.not_held));
        not_held.sort();
        let held =
            || directories.iter().flat_map(|listing| &listing.entries).filter(|e| matches!(e.what, What::Content(_)));
        let (files, bytes) = (held().count() as u64, held().map(|entry| entry.meta.size).sum());
        let as_cached = self.missed.load(Ordering::Relaxed) == 0;
        Ok(Scan { directories, top: self.top, files, bytes, not_held, as_cached })
    }

    /// Lists a directory and hands out what there is to do in it.
    fn list(&self, pending: &Arc<Pending>, tools: &mut Tools) -> Result<()> {
        let Some(dir) = self.open(pending)? else { return self.part_done(pending.clone(), tools) };
        let fd = dir.fd().map_err(|error| cannot_open(&dir, error))?;
        let names = names(&fd, &mut tools.listed).map_err(|error| at("list", path_of(dir.path()))(error))?;
        let Found { entries, children, unread, leftovers } =
            look(self.how, self.device, pending.cached, &dir, &fd, names);
        drop(fd);
        for entry in &entries {
            self.note(&dir, &entry.name, entry.what);
        }
        let unread = Arc::new(unread);
        let batches = if unread.len() > BATCH { unread.len().div_ceil(BATCH) } else { 0 };
        pending.wait_for(children.len(), batches);
        *lock(&pending.entries) = entries;
        *lock(&pending.leftovers) = leftovers;
        *lock(&pending.dir) = Some(dir.clone());

        let batch = |number: usize| number * BATCH..unread.len().min((number + 1) * BATCH);
        self.pool
            .add((0..batches).map(|number| Job::Read(pending.clone(), dir.clone(), unread.clone(), batch(number))));
        if batches == 0 {
            self.read(pending, &dir, &unread, tools)?;
        }
        if children.is_empty() && batches == 0 {
            dir.close();
        } else {
            dir.rest();
        }
        self.pool.add(children.into_iter().rev().map(|child| Job::List(self.child(pending, &child))));
        self.part_done(pending.clone(), tools)
    }

    /// Opens a directory; what turned out to be none is noted with its parent.
    fn open(&self, pending: &Pending) -> Result<Option<Arc<Dir>>> {
        if let Some(dir) = lock(&pending.dir).clone() {
            return Ok(Some(dir));
        }
        let Some((parent, entry)) = &pending.parent else { return Ok(None) };
        let Some(above) = lock(&parent.dir).clone() else { return Ok(None) };
        let name = lock(&parent.entries)[*entry].name.clone();
        let opened = above.child(&name);
        if parent.child_opened() {
            above.close();
        }
        let what = match opened {
            Ok(dir) if dir.meta.dev != self.device || dir.meta.mount => What::Not(Why::Mount),
            Ok(dir) => {
                lock(&parent.entries)[*entry].meta = dir.meta;
                return Ok(Some(dir));
            }
            Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NOENT) => What::Open,
                Some(Errno::ACCESS | Errno::PERM) => What::Not(Why::Unreadable),
                Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                    return Err(at("open", path_of(above.join(&name)))(error));
                }
                _ => What::Not(Why::Changing),
            },
        };
        self.note(&above, &name, what);
        lock(&parent.entries)[*entry].what = what;
        Ok(None)
    }

    /// Reads some files of a directory.
    fn read(&self, pending: &Pending, dir: &Dir, files: &[usize], tools: &mut Tools) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        self.missed.fetch_add(files.len(), Ordering::Relaxed);
        let fd = dir.fd().map_err(|error| cannot_open(dir, error))?;
        let squeeze = if pending.raw { Squeeze::Never } else { Squeeze::Try };
        for position in files {
            let name = lock(&pending.entries)[*position].name.clone();
            let (meta, what) = content::take(&fd, &name, self.how.max_file, squeeze, self.how.sink, tools)
                .map_err(|error| located(error, dir, &name))?;
            if matches!(what, What::Not(_)) {
                self.note(dir, &name, what);
            }
            let entry = &mut lock(&pending.entries)[*position];
            (entry.meta, entry.what) = (meta, what);
        }
        Ok(())
    }

    /// A part of a directory is done; with the last one all of it is, and so on upwards.
    fn part_done(&self, mut pending: Arc<Pending>, tools: &mut Tools) -> Result<()> {
        while pending.part_done() {
            self.seal(&pending, tools)?;
            if let Some(dir) = lock(&pending.dir).take() {
                dir.close();
            }
            let Some((parent, _)) = &pending.parent else { break };
            pending = parent.clone();
        }
        Ok(())
    }

    /// Everything in a directory is known.
    fn seal(&self, pending: &Pending, tools: &mut Tools) -> Result<()> {
        let mut entries = std::mem::take(&mut *lock(&pending.entries));
        entries.retain(|entry| entry.what != What::Open);
        let leftovers = std::mem::take(&mut *lock(&pending.leftovers));
        let mut littered = !leftovers.is_empty();
        let mut children: HashMap<usize, Ids> = HashMap::new();
        {
            let done = lock(&self.done);
            for entry in &entries {
                let What::Directory(number) = entry.what else { continue };
                littered |= done[number].littered;
                children.extend(done[number].ids.map(|ids| (number, ids)));
            }
        }
        let ids_of = |number: usize| children.get(&number).copied();
        let top = Top { meta: self.top, ignored: self.how.patterns };
        let top = (pending.parent.is_none() && self.how.whole).then_some(&top);
        let cached = self.how.cache.zip(pending.cached);
        let (ids, as_cached) = seal(&entries, &ids_of, top, cached, self.how.sink, &mut tools.deflate)?;
        if !as_cached && pending.parent.is_some() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.done)[pending.number] = Listing { entries, ids: Some(ids), leftovers, littered };
        Ok(())
    }

    /// Prepares a child, which gets a number.
    fn child(&self, parent: &Arc<Pending>, child: &Child) -> Arc<Pending> {
        let number = {
            let mut done = lock(&self.done);
            done.push(Listing::default());
            done.len() - 1
        };
        lock(&parent.entries)[child.position].what = What::Directory(number);
        let raw = parent.raw || child.objects;
        Arc::new(Pending::new(Some((parent.clone(), child.position)), number, child.cached, raw))
    }

    fn note(&self, dir: &Dir, name: &[u8], what: What) {
        if let What::Not(why) = what {
            lock(&self.not_held).push(NotHeld { path: path_of(dir.join(name)), why });
        }
    }
}

fn cannot_open(dir: &Dir, error: io::Error) -> Error {
    at("open", path_of(dir.path()))(error)
}

/// Whether a directory is in the objects of a repository.
fn inside_objects(dir: &Dir) -> bool {
    dir.path().windows(b".git/objects".len()).any(|part| part == b".git/objects")
}

/// Gives an error of a file its place.
fn located(error: Error, dir: &Dir, name: &[u8]) -> Error {
    match error {
        Error::Io { step: "open", source, .. } => Error::Io { step: "open", path: path_of(dir.join(name)), source },
        other => other,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
