//! A directory in which a pull is assembled before it is moved into place; dropping it removes it.

use super::exact_dir::exact_dir;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use rustix::fs::{Mode, RenameFlags};
use rustix::io::Errno;

/// The prefix of its name; a random text follows.
const PREFIX: &str = ".cci-pull-";

/// Whether a path is one that a [`Staging`] can have.
#[must_use]
pub fn is_name(path: &Path) -> bool {
    super::put::has_random_name(path, PREFIX)
}

/// A directory for one pull alone.
pub struct Staging {
    above: Dir,
    name: String,
    path: PathBuf,
}

impl Staging {
    /// Creates one in `above`, on the target's file system; no part of that path is a link.
    pub fn new(above: &Path) -> io::Result<Self> {
        let fd = exact_dir(above)?;
        let name = format!("{PREFIX}{}", uuid::Uuid::new_v4().simple());
        rustix::fs::mkdirat(&fd, &name, Mode::from_raw_mode(0o700))?;
        let path = above.join(&name);
        Ok(Self { above: Dir::from_std_file(File::from(fd)), name, path })
    }

    /// Its path, for rolling it back differently.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Atomically exchanges an assembled entry with the one of the same name next to it.
    pub fn exchange(&self, name: &str) -> io::Result<()> {
        let staged = self.dir()?;
        match rustix::fs::renameat_with(&staged, name, &self.above, name, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => Ok(rustix::fs::renameat(&staged, name, &self.above, name)?),
            // network and FUSE file systems may not support that
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.replace(&staged, name),
            done => Ok(done?),
        }
    }

    /// The same in two steps; the old one is put back if the second fails.
    fn replace(&self, staged: &OwnedFd, name: &str) -> io::Result<()> {
        const OLD: &str = ".old";
        rustix::fs::renameat(&self.above, name, staged, OLD)?;
        rustix::fs::renameat(staged, name, &self.above, name).or_else(|failed| {
            rustix::fs::renameat(staged, OLD, &self.above, name)?;
            Err(failed.into())
        })
    }

    /// The directory itself.
    pub fn dir(&self) -> io::Result<OwnedFd> {
        super::tree::open_dir(&self.above, Path::new(&self.name))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // what cannot be removed here is reported by the rollback of the whole call
        let _ = super::remove::entry(&self.above, &self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_was_put_together_takes_the_place_of_what_was_there() {
        type Put = fn(&Staging) -> io::Result<()>;
        let at_once: Put = |staging| staging.exchange("it");
        for put in [at_once, |staging| staging.replace(&staging.dir()?, "it")] {
            let dir = tempfile::tempdir().unwrap();
            let place = dir.path().join("it");
            fs::create_dir(&place).unwrap();
            fs::write(place.join("old"), "").unwrap();
            let staging = Staging::new(dir.path()).unwrap();
            fs::create_dir(staging.path().join("it")).unwrap();
            fs::write(staging.path().join("it/new"), "").unwrap();
            put(&staging).unwrap();
            drop(staging);
            assert!(place.join("new").exists() && !place.join("old").exists());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_was_there_stays_where_nothing_can_take_its_place() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("it")).unwrap();
        let staging = Staging::new(dir.path()).unwrap();
        assert!(staging.replace(&staging.dir().unwrap(), "it").is_err());
        assert!(dir.path().join("it").is_dir());
    }
}
