//! Makes one file of a workspace what a snapshot holds of it.

use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::dir::Dir;
use crate::error::{Result, at};
use crate::held::{Held, Thing};
use crate::id::Snapshot;
use crate::restore::write::{Wanted, put};
use crate::store::Store;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// It is as the snapshot holds it, but for bits that would let it run as another user.
    Restored,
    /// The snapshot does not hold it, so it is gone.
    Removed,
}

impl Store {
    /// Makes a file or link below `root` what the snapshot holds, in one step. No link is followed on the way, and what is a directory
    /// now, or was one, stays: that is an error.
    pub fn put_back(&self, root: &impl AsFd, snapshot: &Snapshot, path: &Path) -> Result<PutBack> {
        let Some(name) = path.file_name() else { return Err(at("put back", path)(Errno::INVAL)) };
        let mut dir = Dir::root(root).map_err(at("put back", path))?;
        for part in path.parent().into_iter().flat_map(Path::components) {
            let Component::Normal(part) = part else { return Err(at("put back", path)(Errno::INVAL)) };
            dir = dir.child(part.as_bytes()).map_err(at("put back", path))?;
        }
        let fd = dir.fd().map_err(at("put back", path))?;
        match self.held(snapshot, path)? {
            None => match unlinkat(&*fd, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(PutBack::Removed),
                Err(error) => Err(at("remove", path)(error)),
            },
            Some(Held { thing: Thing::Directory(_), .. }) => Err(at("put back", path)(Errno::ISDIR)),
            Some(Held { thing: Thing::Content(id), mode, mtime, .. }) => {
                let wanted = Wanted { mode, mtime: Some(mtime), bytes: &self.read(id)? };
                put(&fd, name.as_bytes(), &wanted, &self.temporary)?.map_err(at("put back", path))?;
                Ok(PutBack::Restored)
            }
        }
    }
}
