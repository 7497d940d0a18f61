//! Begins a restore: looks at what is there, then changes what differs.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{Mode, fchmod, futimens};

use crate::capture::vanished;
use crate::dir::{Dir, path_of};
use crate::error::{Result, at};
use crate::held::Directory;
use crate::id::Snapshot;
use crate::meta::{Meta, Time};
use crate::pack::write::HashOnly;
use crate::pattern::Ignored;
use crate::restore::how::Restore;
use crate::restore::report::{Left, Obstacle, Restored};
use crate::restore::run::{Now, Run, Step};
use crate::restore::zone::Zone;
use crate::scan::how::How;
use crate::scan::walk::scan;
use crate::store::Store;

impl Store {
    /// Makes the directory `root` what `snapshot` holds. After an interruption, a second call ends as the first would have.
    pub fn restore(&self, root: &impl AsFd, snapshot: &Snapshot, how: &Restore<'_>) -> Result<Restored> {
        let top = Dir::root(root).map_err(at("open", "the workspace"))?;
        let mut reader = self.reader();
        let directory = Directory::read(&mut reader, *snapshot)?;
        let ignored = Ignored::any([how.ignore, &directory.ignored])?;
        let cache = self.cached(&top, how.cache)?;
        let look = How {
            ignored: &ignored,
            patterns: &directory.ignored,
            max_file: how.max_file,
            temporary: &self.temporary,
            cache: cache.as_ref(),
            sink: &HashOnly,
            whole: true,
        };
        let now = Now { scan: Arc::new(scan(&top, &look)?), number: 0 };
        let device = now.scan.top.dev;
        let own = directory.own.ok_or_else(vanished)?;
        let first =
            Step::Enter { parent: None, name: Vec::new(), ids: *snapshot, now: Some(now), zone: Zone::Plain, own };
        let mut run = Run {
            top,
            reader,
            ignored,
            temporary: &self.temporary,
            how,
            steps: vec![first],
            restored: Restored::default(),
            device,
        };
        all(&mut run)?;
        run.restored.kept.sort();
        run.restored.failed.sort();
        Ok(run.restored)
    }

    /// Puts what `snapshot` holds into the empty directory `into`, but for some names at its top.
    pub fn materialise(&self, into: &impl AsFd, snapshot: &Snapshot, except: &[&OsStr]) -> Result<Restored> {
        let how = Restore { ignore: &[], max_file: u64::MAX, cache: None, except, reflog: "" };
        self.restore(into, snapshot, &how)
    }
}

/// Does all steps, and those that follow from them.
fn all(run: &mut Run<'_>) -> Result<()> {
    while let Some(step) = run.steps.pop() {
        match step {
            Step::Enter { parent, name, ids, now, zone, own } => {
                let opened = match &parent {
                    None => Ok(run.top.clone()),
                    Some(parent) => run.open(parent, &name),
                };
                match (opened, &parent) {
                    (Ok(dir), _) => run.enter(dir, ids, now.as_ref(), zone, own)?,
                    (Err(why), Some(parent)) => run.fail(parent, &name, why),
                    (Err(_), None) => {}
                }
            }
            Step::Leave { dir, mode, mtime } => leave(run, &dir, mode, mtime),
        }
    }
    Ok(())
}

/// Gives a directory its permissions and its time.
fn leave(run: &mut Run<'_>, dir: &Arc<Dir>, mode: u32, mtime: Time) {
    let done = dir.fd().map_err(Obstacle::from).and_then(|fd| {
        let now = Meta::open(&*fd)?;
        if now.mtime != mtime {
            futimens(&*fd, &mtime.as_mtime())?;
        }
        if now.mode & 0o7777 != mode & 0o7777 {
            fchmod(&*fd, Mode::from_raw_mode(mode & 0o7777))?;
        }
        Ok(now.mtime != mtime || now.mode != mode)
    });
    match done {
        Ok(changed) => run.restored.adjusted += u64::from(changed),
        Err(why) => run.restored.failed.push(Left { path: path_of(dir.path()), why }),
    }
}
