//! A directory in which a pull is put together before it gets its place; dropping it removes it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// A directory that belongs to one pull alone.
pub(crate) struct Staging {
    above: Dir,
    name: String,
    path: PathBuf,
}

impl Staging {
    /// Makes one in `above`, on the file system of what it is for.
    pub(crate) fn new(above: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(above, flags, Mode::empty())?;
        let name = format!(".cci-pull-{}", uuid::Uuid::new_v4().simple());
        rustix::fs::mkdirat(&fd, &name, Mode::from_raw_mode(0o700))?;
        let path = above.join(&name);
        Ok(Self { above: Dir::from_std_file(File::from(fd)), name, path })
    }

    /// Where it is, for whoever has to remove it in another way.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts what was put together under a name in the place of what has that name beside it, in one step.
    pub(crate) fn exchange(&self, name: &str) -> io::Result<()> {
        let staged = self.dir()?;
        match rustix::fs::renameat_with(&staged, name, &self.above, name, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => {
                Ok(rustix::fs::renameat_with(&staged, name, &self.above, name, RenameFlags::NOREPLACE)?)
            }
            done => Ok(done?),
        }
    }

    /// The directory itself.
    pub(crate) fn dir(&self) -> io::Result<OwnedFd> {
        super::unpack::open_dir(&self.above, Path::new(&self.name))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // what cannot be removed here is named by the clean-up of the whole call
        let _ = self.above.remove_dir_all(&self.name);
    }
}
