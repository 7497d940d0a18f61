//! A host directory that a container also writes: nothing in it is followed out of it, waited for, or trusted in size.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};

/// The most that is read of one file; an agent's own configuration is far smaller.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A directory that is shared with a container, and the host user its new entries belong to.
pub struct GuestDir {
    dir: Dir,
    path: PathBuf,
    owner: Ids,
}

impl GuestDir {
    /// Opens a directory of the store.
    pub(crate) fn open(path: &Path, owner: Ids) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
        Ok(Self { dir, path: path.to_owned(), owner })
    }

    /// Its path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a regular file, `None` if there is none: a link, a pipe or a device counts as absent.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = match self.dir.open_with(name, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) if !self.is_regular(name) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut content = Vec::new();
        file.take(LARGEST).read_to_end(&mut content)?;
        Ok(Some(content))
    }

    /// Puts a file in place atomically; whatever was there before is replaced.
    ///
    /// A flush takes up to a quarter of a second on a busy disk. A new file is a copy, which the next launch writes
    /// again; one that replaces other content is flushed, because that may have been the agent's own.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let there = self.read(name)?;
        if there.as_deref() == Some(content) {
            return Ok(());
        }
        let temporary = format!(".cci-{}.tmp", uuid::Uuid::new_v4().simple());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.dir.open_with(&temporary, &options)?;
        let put = || -> io::Result<()> {
            file.write_all(content)?;
            self.give_away(&temporary)?;
            if there.is_some() {
                file.sync_all()?;
            }
            if self.dir.symlink_metadata(name).is_ok_and(|there| there.is_dir()) {
                super::remove::entry(&self.dir, name)?;
            }
            self.dir.rename(&temporary, &self.dir, name)
        };
        let mut put = put;
        put().inspect_err(|_| {
            let _ = self.dir.remove_file(&temporary);
        })
    }

    /// A directory in it, created if missing; anything else of that name is replaced.
    pub(crate) fn subdir(&self, name: &str) -> io::Result<Self> {
        let there = self.dir.symlink_metadata(name);
        if there.as_ref().is_ok_and(|there| !there.is_dir()) {
            self.dir.remove_file(name)?;
        }
        if !there.is_ok_and(|there| there.is_dir()) {
            self.dir.create_dir(name)?;
            self.dir.set_permissions(name, Permissions::from_mode(0o700))?;
            self.give_away(name)?;
        }
        let dir = Dir::from_std_file(std::fs::File::from(self.open_beneath(name)?));
        Ok(Self { dir, path: self.path.join(name), owner: self.owner })
    }

    /// A directory deep inside, only if every component is a real directory.
    pub(crate) fn existing(&self, path: &str) -> Option<OwnedFd> {
        self.open_beneath(path).ok()
    }

    fn open_beneath(&self, path: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        Ok(rustix::fs::openat2(self.dir.as_fd(), path, flags, Mode::empty(), resolve)?)
    }

    fn is_regular(&self, name: &str) -> bool {
        rustix::fs::statat(self.dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// When cci runs as root for another user's workspace, what it creates must belong to that user.
    fn give_away(&self, name: &str) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.owner.uid), Gid::from_raw(self.owner.gid));
        Ok(rustix::fs::chownat(self.dir.as_fd(), name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Ids {
        Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    #[test]
    fn a_link_planted_by_the_agent_is_neither_read_nor_written_through() {
        let outside = tempfile::tempdir().unwrap();
        let secret = outside.path().join("secret");
        std::fs::write(&secret, "host").unwrap();
        let state = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&secret, state.path().join("settings.json")).unwrap();
        std::os::unix::fs::symlink(outside.path(), state.path().join("commands")).unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();

        assert_eq!(guest.read("settings.json").unwrap(), None);
        guest.write("settings.json", b"ours").unwrap();
        guest.subdir("commands").unwrap().write("x", b"ours").unwrap();

        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "host");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(guest.read("settings.json").unwrap().unwrap(), b"ours");
    }

    #[test]
    fn a_pipe_or_a_directory_in_the_place_of_a_file_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, state.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::create_dir_all(state.path().join("dir/full")).unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();
        for name in ["pipe", "dir"] {
            assert_eq!(guest.read(name).unwrap(), None, "{name}");
            guest.write(name, b"x").unwrap();
            assert_eq!(guest.read(name).unwrap().unwrap(), b"x", "{name}");
        }
    }

    #[test]
    fn a_deep_tree_in_the_place_of_a_file_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join("settings.json")).unwrap();
        crate::store::remove::plant_deep(&state.path().join("settings.json"), 20_000);
        GuestDir::open(state.path(), here()).unwrap().write("settings.json", b"x").unwrap();
        assert_eq!(std::fs::read(state.path().join("settings.json")).unwrap(), b"x");
    }

    #[test]
    fn what_exists_already_is_left_as_it_is() {
        use std::os::unix::fs::MetadataExt;

        let state = tempfile::tempdir().unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();
        let file = |content: &str| {
            guest.write("a", content.as_bytes()).unwrap();
            assert_eq!(guest.read("a").unwrap().unwrap(), content.as_bytes());
            std::fs::metadata(state.path().join("a")).unwrap().ino()
        };
        let first = file("one");
        assert_eq!(file("one"), first);
        assert_ne!(file("two"), first, "a reader of the old one sees the new one come");
    }

    #[test]
    fn what_is_written_is_private_and_leaves_no_temporary() {
        use std::os::unix::fs::PermissionsExt;

        let state = tempfile::tempdir().unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();
        guest.write("a", b"x").unwrap();
        guest.subdir("d").unwrap();
        let mode = |name: &str| std::fs::metadata(state.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("d")), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 2);
    }
}
