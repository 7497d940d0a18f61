//! One directory of a restore: each name is compared with what is held, and what differs is written, adjusted or removed.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, mkdirat, unlinkat};
use rustix::io::Errno;

use crate::dir::Dir;
use crate::error::{Error, Result, at, is_full};
use crate::held::{Directory, Held, Thing};
use crate::id::{Id, Snapshot};
use crate::meta::Time;
use crate::not_held::Why;
use crate::restore::permit;
use crate::restore::remove::gone;
use crate::restore::report::Obstacle;
use crate::restore::run::{Now, Run, Step};
use crate::restore::write::{FILE_BITS, Wanted, adjust, give_away, put, shortfall};
use crate::restore::zone::Zone;
use crate::scan::listing::{Entry, What};

/// A directory in which work goes on.
struct Here {
    dir: Arc<Dir>,
    fd: Arc<OwnedFd>,
    zone: Zone,
    now: Option<Now>,
    /// Whether the owner may change what is in it.
    open: bool,
    children: Vec<Step>,
}

impl Run<'_> {
    /// Restores a directory; those below become steps.
    pub(crate) fn enter(
        &mut self,
        dir: Arc<Dir>,
        ids: Snapshot,
        now: Option<&Now>,
        zone: Zone,
        own: (u32, Time),
    ) -> Result<()> {
        self.steps.push(Step::Leave { dir: dir.clone(), mode: own.0, mtime: own.1 });
        let held = match Directory::read(&mut self.reader, ids) {
            Ok(held) => held,
            Err(Error::Missing { .. } | Error::Damaged { .. }) => {
                self.fail(&dir, b"", Obstacle::Lost);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let has = |name: &[u8]| held.find(name).is_some() || now.is_some_and(|now| now.listing().find(name).is_some());
        let zone = if has(b"HEAD") { zone.with_head() } else { zone };
        if let (Zone::Repository, Some(now)) = (zone, now) {
            self.reflogs(&dir, ids, now)?;
        }
        let fd = match dir.fd() {
            Ok(fd) => fd,
            Err(error) => {
                self.fail(&dir, b"", error.into());
                return Ok(());
            }
        };
        let mut here = Here { dir, fd, zone, now: now.cloned(), open: false, children: Vec::new() };
        self.sweep(&mut here);
        let today = now.map(|now| now.listing().entries.as_slice()).unwrap_or_default();
        for entry in today.iter().filter(|entry| held.find(&entry.name).is_none()) {
            if !self.is_left_out(&here, &held, &entry.name, entry.meta.is_directory()) && !zone.keeps_new(&entry.name) {
                self.appeared(&mut here, entry);
            }
        }
        for wanted in &held.held {
            if self.is_left_out(&here, &held, &wanted.name, matches!(wanted.thing, Thing::Directory(_))) {
                continue;
            }
            let entry = now.and_then(|now| now.listing().find(&wanted.name));
            self.name(&mut here, wanted, entry)?;
        }
        let Here { dir, fd, children, .. } = here;
        drop(fd);
        dir.rest();
        self.steps.extend(children.into_iter().rev());
        Ok(())
    }

    /// Removes what an interrupted restore left in a directory.
    fn sweep(&mut self, here: &mut Here) {
        let leftovers = here.now.as_ref().map(|now| now.listing().leftovers.clone()).unwrap_or_default();
        for leftover in leftovers {
            if let Err(why) = here.changes().and_then(|()| gone(unlinkat(&*here.fd, &*leftover, AtFlags::empty()))) {
                self.keep(&here.dir, &leftover, why);
            }
        }
    }

    /// Whether a name is none of the restore's business.
    fn is_left_out(&self, here: &Here, held: &Directory, name: &[u8], is_directory: bool) -> bool {
        let excepted = || held.own.is_some() && self.how.except.iter().any(|except| except.as_bytes() == name);
        let ignored = || !self.ignored.is_empty() && self.ignored.matches(&here.dir.join(name), is_directory);
        held.leaves_out(name) || excepted() || ignored()
    }

    /// Removes what appeared since.
    fn appeared(&mut self, here: &mut Here, entry: &Entry) {
        match entry.what {
            What::Not(why) => self.keep(&here.dir, &entry.name, Obstacle::NotHeld(why)),
            What::Directory(number) => {
                self.clear(here, &entry.name, number);
            }
            What::Content(_) | What::Open => {
                let removed = here.changes().and_then(|()| gone(unlinkat(&*here.fd, &*entry.name, AtFlags::empty())));
                self.removed(removed, &here.dir, &entry.name);
            }
        }
    }

    /// Removes a directory; whether it is gone.
    fn clear(&mut self, here: &mut Here, name: &[u8], number: usize) -> bool {
        if let Err(why) = here.changes() {
            self.keep(&here.dir, name, why);
            return false;
        }
        here.now.clone().is_some_and(|now| self.remove_directory(&here.dir, name, &now.below(number)))
    }

    /// Brings back one name.
    fn name(&mut self, here: &mut Here, wanted: &Held, entry: Option<&Entry>) -> Result<()> {
        if let Some(entry) = entry
            && let What::Not(why @ (Why::TooLarge | Why::Mount)) = entry.what
        {
            self.fail(&here.dir, &wanted.name, Obstacle::NotHeld(why));
            return Ok(());
        }
        match wanted.thing {
            Thing::Content(id) => self.content(here, wanted, id, entry),
            Thing::Directory(ids) => self.directory(here, wanted, ids, entry),
        }
    }

    /// Brings back a file or link.
    fn content(&mut self, here: &mut Here, wanted: &Held, id: Id, entry: Option<&Entry>) -> Result<()> {
        if let Some(entry) = entry {
            let same_kind = entry.meta.mode & 0o170_000 == wanted.mode & 0o170_000;
            match entry.what {
                What::Content(_) if same_kind && here.zone.keeps_today(&wanted.name) => return Ok(()),
                What::Content(now) if same_kind && now == id => {
                    if entry.meta.mtime == wanted.mtime && bits(entry.meta.mode) == bits(wanted.mode) {
                        return Ok(());
                    }
                    if adjust(&here.fd, wanted, &entry.meta) {
                        self.restored.adjusted += 1;
                        return Ok(());
                    }
                }
                What::Directory(number) if !self.clear(here, &wanted.name, number) => {
                    self.fail(&here.dir, &wanted.name, Obstacle::NotEmpty);
                    return Ok(());
                }
                What::Not(_) if entry.meta.is_directory() => {
                    let cleared = self
                        .open_late(here, &wanted.name)?
                        .map(|now| self.remove_directory(&here.dir, &wanted.name, &now));
                    if !cleared.unwrap_or_default() {
                        self.fail(&here.dir, &wanted.name, Obstacle::NotEmpty);
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.write(here, wanted, id)
    }

    /// Writes a file or link.
    fn write(&mut self, here: &mut Here, wanted: &Held, id: Id) -> Result<()> {
        let Some(bytes) = self.bytes(&here.dir, wanted, id)? else { return Ok(()) };
        if let Err(why) = here.changes() {
            self.fail(&here.dir, &wanted.name, why);
            return Ok(());
        }
        let file = Wanted { mode: wanted.mode, mtime: Some(wanted.mtime), bytes: &bytes };
        match put(&here.fd, &wanted.name, &file, self.temporary)? {
            Ok(()) => {
                self.restored.written += 1;
                if let Some(why) = shortfall(wanted.mode) {
                    self.fail(&here.dir, &wanted.name, why);
                }
            }
            Err(error) if is_full(&error) => {
                return Err(at("restore", crate::dir::path_of(here.dir.join(&wanted.name)))(error));
            }
            Err(error) => self.fail(&here.dir, &wanted.name, error.into()),
        }
        Ok(())
    }

    /// Brings back a directory, of which the content is a further step.
    fn directory(&mut self, here: &mut Here, wanted: &Held, ids: Snapshot, entry: Option<&Entry>) -> Result<()> {
        let now = match entry.map(|entry| entry.what) {
            Some(What::Directory(number)) => {
                let Some(now) = here.now.as_ref().map(|now| now.below(number)) else { return Ok(()) };
                let listing = now.listing();
                let same = listing.ids.is_some_and(|now| now.tree == ids.tree && now.stat == ids.stat);
                if same && !listing.littered {
                    self.only_itself(here, wanted, entry);
                    return Ok(());
                }
                Some(now)
            }
            Some(What::Not(_)) if entry.is_some_and(|entry| entry.meta.is_directory()) => {
                let Some(now) = self.open_late(here, &wanted.name)? else { return Ok(()) };
                Some(now)
            }
            other => {
                if let Err(why) = self.make(here, &wanted.name, other.is_some())? {
                    self.fail(&here.dir, &wanted.name, why);
                    return Ok(());
                }
                None
            }
        };
        here.children.push(Step::Enter {
            parent: Some(here.dir.clone()),
            name: wanted.name.clone(),
            ids,
            now,
            zone: here.zone.child(&wanted.name),
            own: (wanted.mode, wanted.mtime),
        });
        Ok(())
    }

    /// A directory that has everything in it: only its own permissions and time may differ.
    fn only_itself(&mut self, here: &mut Here, wanted: &Held, entry: Option<&Entry>) {
        if entry.is_some_and(|entry| entry.meta.mode == wanted.mode && entry.meta.mtime == wanted.mtime) {
            return;
        }
        match self.open(&here.dir, &wanted.name) {
            Ok(dir) => here.children.push(Step::Leave { dir, mode: wanted.mode, mtime: wanted.mtime }),
            Err(why) => self.fail(&here.dir, &wanted.name, why),
        }
    }

    /// Makes a directory where none is.
    fn make(&mut self, here: &mut Here, name: &[u8], in_the_way: bool) -> Result<Result<(), Obstacle>> {
        if let Err(why) = here.changes() {
            return Ok(Err(why));
        }
        if in_the_way && let Err(why) = gone(unlinkat(&*here.fd, name, AtFlags::empty())) {
            return Ok(Err(why));
        }
        match mkdirat(&*here.fd, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT)) => {
                return Err(at("make", crate::dir::path_of(here.dir.join(name)))(error));
            }
            Err(error) => return Ok(Err(error.into())),
        }
        self.restored.written += 1;
        let given = here.dir.child(name).and_then(|made| give_away(&here.fd, &*made.fd()?));
        Ok(given.map_err(Obstacle::from))
    }

    /// Opens a directory that its owner may not list, and looks what is in it.
    fn open_late(&mut self, here: &Here, name: &[u8]) -> Result<Option<Now>> {
        match self.open(&here.dir, name) {
            Ok(dir) => Ok(Some(self.scan(&dir)?)),
            Err(why) => {
                self.fail(&here.dir, name, why);
                Ok(None)
            }
        }
    }
}

impl Here {
    /// Lets the owner change what is in the directory.
    fn changes(&mut self) -> Result<(), Obstacle> {
        if !self.open {
            permit::changes(&*self.fd)?;
            self.open = true;
        }
        Ok(())
    }
}

/// The permissions that a restore can bring about; a link has none.
fn bits(mode: u32) -> u32 {
    if mode & 0o170_000 == 0o120_000 { 0 } else { mode & FILE_BITS }
}
