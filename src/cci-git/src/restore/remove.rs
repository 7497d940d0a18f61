//! Removes a directory that appeared since, with everything in it that a snapshot could hold.

use std::sync::Arc;

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::dir::{Dir, path_of};
use crate::restore::permit;
use crate::restore::report::{Left, Obstacle};
use crate::restore::run::{Now, Run};
use crate::scan::listing::What;

enum Step {
    /// Removes what is in a directory.
    Empty(Arc<Dir>, Box<[u8]>, usize),
    /// Removes the directory itself.
    Remove(Arc<Dir>, Box<[u8]>),
}

impl Run<'_> {
    /// Removes the directory `name`, of which `now` is the scan; whether it is gone.
    pub(crate) fn remove_directory(&mut self, dir: &Arc<Dir>, name: &[u8], now: &Now) -> bool {
        let before = self.restored.kept.len();
        let mut steps = vec![Step::Empty(dir.clone(), name.into(), now.number)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Empty(parent, name, number) => {
                    steps.push(Step::Remove(parent.clone(), name.clone()));
                    self.empty(&parent, &name, now, number, &mut steps);
                }
                Step::Remove(parent, name) => {
                    let removed = parent
                        .fd()
                        .map_err(Obstacle::from)
                        .and_then(|fd| gone(unlinkat(&*fd, &*name, AtFlags::REMOVEDIR)));
                    self.removed(removed, &parent, &name);
                }
            }
        }
        self.restored.kept.len() == before
    }

    /// Removes the files of a directory; the directories in it are steps of their own.
    fn empty(&mut self, parent: &Arc<Dir>, name: &[u8], now: &Now, number: usize, steps: &mut Vec<Step>) {
        let opened = permit::child(parent, name).and_then(|dir| {
            permit::changes(&*dir.fd()?)?;
            Ok((dir.fd()?, dir))
        });
        let (fd, dir) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.keep(parent, name, error.into());
                return;
            }
        };
        let listing = now.listing_of(number);
        for entry in &listing.entries {
            match entry.what {
                What::Directory(child) => steps.push(Step::Empty(dir.clone(), entry.name.clone(), child)),
                What::Not(why) => self.keep(&dir, &entry.name, Obstacle::NotHeld(why)),
                What::Content(_) | What::Open => {
                    let removed = gone(unlinkat(&*fd, &*entry.name, AtFlags::empty()));
                    self.removed(removed, &dir, &entry.name);
                }
            }
        }
        for leftover in &listing.leftovers {
            self.removed(gone(unlinkat(&*fd, &**leftover, AtFlags::empty())), &dir, leftover);
        }
        drop(fd);
        dir.rest();
    }

    /// Counts what was removed, or notes why it was not.
    pub(crate) fn removed(&mut self, removed: Result<(), Obstacle>, dir: &Dir, name: &[u8]) {
        match removed {
            Ok(()) => self.restored.removed += 1,
            Err(why) => self.keep(dir, name, why),
        }
    }

    /// Notes what stays.
    pub(crate) fn keep(&mut self, dir: &Dir, name: &[u8], why: Obstacle) {
        self.restored.kept.push(Left { path: path_of(dir.join(name)), why });
    }
}

/// What somebody else removed is removed as well.
pub(crate) fn gone(removed: Result<(), Errno>) -> Result<(), Obstacle> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
