//! A restore on its way: what is still to be done, directory by directory, and what was done.

use std::sync::Arc;

use crate::dir::{Dir, path_of};
use crate::error::{Error, Result};
use crate::held::Held;
use crate::id::Snapshot;
use crate::meta::{Meta, Time};
use crate::pack::read::Reader;
use crate::pattern::Ignored;
use crate::restore::how::Restore;
use crate::restore::permit;
use crate::restore::report::{Left, Obstacle, Restored};
use crate::restore::zone::Zone;
use crate::scan::how::How;
use crate::scan::listing::{Listing, Scan};
use crate::scan::walk::scan;
use crate::temporary::Temporary;

/// A directory as it was scanned.
#[derive(Clone)]
pub(crate) struct Now {
    pub(crate) scan: Arc<Scan>,
    pub(crate) number: usize,
}

impl Now {
    /// The directory itself.
    pub(crate) fn listing(&self) -> &Listing {
        self.listing_of(self.number)
    }

    /// A directory of the same scan.
    pub(crate) fn listing_of(&self, number: usize) -> &Listing {
        &self.scan.directories[number]
    }

    /// A directory below.
    pub(crate) fn below(&self, number: usize) -> Self {
        Self { scan: self.scan.clone(), number }
    }
}

/// What is still to be done.
pub(crate) enum Step {
    /// Everything in a directory.
    Enter { parent: Option<Arc<Dir>>, name: Vec<u8>, ids: Snapshot, now: Option<Now>, zone: Zone, own: (u32, Time) },
    /// Its permissions and its time, when nothing in it changes any more.
    Leave { dir: Arc<Dir>, mode: u32, mtime: Time },
}

/// A restore on its way.
pub(crate) struct Run<'a> {
    pub(crate) top: Arc<Dir>,
    pub(crate) reader: Reader,
    pub(crate) ignored: Ignored,
    pub(crate) temporary: &'a Temporary,
    pub(crate) how: &'a Restore<'a>,
    pub(crate) steps: Vec<Step>,
    pub(crate) restored: Restored,
    pub(crate) device: (u32, u32),
}

impl Run<'_> {
    /// Opens a directory, unless it is in another file system by now.
    pub(crate) fn open(&self, parent: &Arc<Dir>, name: &[u8]) -> Result<Arc<Dir>, Obstacle> {
        let dir = permit::child(parent, name)?;
        let meta = Meta::open(&*dir.fd()?)?;
        if meta.dev == self.device && !meta.mount { Ok(dir) } else { Err(Obstacle::Changing) }
    }

    /// What is in a directory that could not be scanned before.
    pub(crate) fn scan(&self, dir: &Arc<Dir>) -> Result<Now> {
        let how = How {
            ignored: &self.ignored,
            patterns: &[],
            max_file: self.how.max_file,
            temporary: self.temporary,
            cache: None,
            sink: &crate::pack::write::HashOnly,
            whole: false,
        };
        Ok(Now { scan: Arc::new(scan(dir, &how)?), number: 0 })
    }

    /// Notes what the snapshot holds and is not back.
    pub(crate) fn fail(&mut self, dir: &Dir, name: &[u8], why: Obstacle) {
        self.restored.failed.push(Left { path: path_of(dir.join(name)), why });
    }

    /// The bytes of a file that is held, or none if the store has lost them, which is noted.
    pub(crate) fn bytes(&mut self, dir: &Dir, held: &Held, id: crate::id::Id) -> Result<Option<Vec<u8>>> {
        match self.reader.take(id) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::Missing { .. } | Error::Damaged { .. }) => {
                self.fail(dir, &held.name, Obstacle::Lost);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
