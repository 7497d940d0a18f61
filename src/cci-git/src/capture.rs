//! Captures a workspace: what is in it now becomes objects of the store.

use std::os::fd::AsFd;
use std::path::Path;

use crate::cache::Cache;
use crate::dir::Dir;
use crate::error::{Error, Result, at};
use crate::id::Snapshot;
use crate::meta::{Meta, Time};
use crate::not_held::NotHeld;
use crate::pattern::Ignored;
use crate::scan::how::How;
use crate::scan::walk::scan;
use crate::store::Store;

/// What to capture.
#[derive(Debug, Clone, Copy)]
pub struct Capture<'a> {
    /// Patterns as in `.gitignore`, from the top of the workspace.
    pub ignore: &'a [String],
    /// The largest file that is held, in bytes.
    pub max_file: u64,
    /// Where the stat cache is, and is written to.
    pub cache: Option<&'a Path>,
}

/// What was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The ids that stand for it.
    pub snapshot: Snapshot,
    /// How many files and links are held.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is not held, in the order of the paths; what is ignored is not mentioned.
    pub not_held: Vec<NotHeld>,
}

impl Store {
    /// Captures the directory `root`. Call [`Store::sync`] before anything else names the snapshot.
    pub fn capture(&self, root: &impl AsFd, how: &Capture<'_>) -> Result<Captured> {
        let started = Time::now();
        let top = Dir::root(root).map_err(at("open", "the workspace"))?;
        let ignored = Ignored::any([how.ignore])?;
        let cache = self.cached(&top, how.cache)?;
        let packer = self.packer();
        let found = scan(
            &top,
            &How {
                ignored: &ignored,
                patterns: how.ignore,
                max_file: how.max_file,
                temporary: &self.temporary,
                cache: cache.as_ref(),
                sink: &packer,
                whole: true,
            },
        )?;
        self.keep(packer)?;
        let known = cache.is_some_and(|cache| found.as_cached && !cache.outdated);
        if let Some(path) = how.cache.filter(|_| !known) {
            // without it the next capture is slow, and this one is whole
            let _derived = Cache::write(path, &found, started, &self.packs());
        }
        let ids = found.directories.first().and_then(|top| top.ids).ok_or_else(vanished)?;
        let snapshot = Snapshot { tree: ids.tree, stat: ids.stat };
        Ok(Captured { snapshot, files: found.files, bytes: found.bytes, not_held: found.not_held })
    }

    /// The stat cache of a workspace, if there is one.
    pub(crate) fn cached(&self, top: &Dir, path: Option<&Path>) -> Result<Option<Cache>> {
        let Some(path) = path else { return Ok(None) };
        let meta = top.fd().and_then(|fd| Ok(Meta::open(&*fd)?)).map_err(at("look at", "the workspace"))?;
        Ok(Cache::load(path, &meta, &self.packs()))
    }
}

/// The top of the workspace went away during the walk.
pub(crate) fn vanished() -> Error {
    at("list", "the workspace")(std::io::Error::from(std::io::ErrorKind::NotFound))
}
