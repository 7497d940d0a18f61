//! A host directory that a container also writes: nothing in it is followed out of it, waited for, or trusted in size.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};

/// A larger file is not read: an agent's own configuration is far smaller, and a parsed file takes a multiple of its size.
const LARGEST: u64 = 32 * 1024 * 1024;

/// What has a name in a shared directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Absent,
    /// A link, a pipe, a device or a directory.
    Other,
    /// A file that is too large to read.
    TooLarge,
    /// A file with this content.
    File(Vec<u8>),
}

/// What is at a path now, as its file system notes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Of what kind it is.
    pub(crate) kind: FileType,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// When it was last modified, in nanoseconds; whoever may write it can set this.
    pub(crate) modified: i128,
    /// When its content, name or mode was last changed, in nanoseconds; nobody can set this.
    pub(crate) changed: i128,
}

/// What a copy of a file keeps of the original.
pub(crate) struct Copy {
    /// Its mode, of which the permission bits count.
    pub(crate) mode: u32,
    /// When it was last modified, in nanoseconds.
    pub(crate) changed: i128,
}

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

    /// What has this name.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> io::Result<Content> {
        let name = name.as_ref();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = match self.dir.open_with(name, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Absent),
            Err(_) if !self.is_regular(name) => return Ok(Content::Other),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Ok(Content::Other);
        }
        let mut content = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut content)?;
        Ok(if read as u64 > LARGEST { Content::TooLarge } else { Content::File(content) })
    }

    /// The content of a file at a path, only if no component is a link; `None` also if the file is too large.
    pub(crate) fn read_below(&self, path: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file =
            std::fs::File::from(rustix::fs::openat2(self.dir.as_fd(), path, flags, Mode::empty(), resolve).ok()?);
        let mut content = Vec::new();
        file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let read = file.take(LARGEST + 1).read_to_end(&mut content).ok()?;
        (read as u64 <= LARGEST).then_some(content)
    }

    fn stat(&self, name: &Path) -> Option<rustix::fs::Stat> {
        let stat = rustix::fs::statat(self.dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat)
    }

    /// The permission bits of a file; `None` for anything else.
    pub(crate) fn mode(&self, name: impl AsRef<Path>) -> Option<u32> {
        self.stat(name.as_ref()).map(|stat| stat.st_mode & 0o7777)
    }

    /// Puts a copy in place in one step, with the mode and the time that it has on the host. It is not flushed: the next
    /// launch makes it again.
    pub(crate) fn copy(&self, name: impl AsRef<Path>, mut from: impl Read, copy: &Copy) -> io::Result<()> {
        let (name, mode) = (name.as_ref(), copy.mode & 0o777);
        self.put(name, |file| {
            io::copy(&mut from, file)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            let time = Timespec {
                tv_sec: i64::try_from(copy.changed.div_euclid(NANOS)).unwrap_or_default(),
                tv_nsec: i64::try_from(copy.changed.rem_euclid(NANOS)).unwrap_or_default(),
            };
            Ok(rustix::fs::futimens(file.as_fd(), &Timestamps { last_access: time, last_modification: time })?)
        })
    }

    /// Gives the directory itself the mode of the original; its owner can always use it.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(self.dir.as_fd(), Mode::from_raw_mode(mode & 0o777 | 0o700))?)
    }

    /// Renames a file that cannot be parsed, and returns its new name.
    pub(crate) fn put_aside(&self, name: &str) -> io::Result<String> {
        let kept = format!("{name}.damaged-{}", uuid::Uuid::new_v4().simple());
        self.dir.rename(name, &self.dir, &kept)?;
        Ok(kept)
    }

    /// Removes a file or an empty directory; returns whether it did.
    pub(crate) fn remove(&self, path: &Path) -> bool {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let above = if above == Path::new("") { Path::new(".") } else { above };
        let Ok(dir) = self.open_beneath(above) else { return false };
        rustix::fs::unlinkat(&dir, name, AtFlags::empty()).is_ok()
            || rustix::fs::unlinkat(&dir, name, AtFlags::REMOVEDIR).is_ok()
    }

    /// What is at a path, if no component before the last one is a link.
    pub(crate) fn seen(&self, path: impl AsRef<Path>) -> Option<Seen> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let there = rustix::fs::openat2(self.dir.as_fd(), path.as_ref(), flags, Mode::empty(), resolve).ok()?;
        let stat = rustix::fs::fstat(there).ok()?;
        Some(Seen {
            kind: FileType::from_raw_mode(stat.st_mode),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: i128::from(stat.st_mtime) * NANOS + i128::from(stat.st_mtime_nsec),
            changed: i128::from(stat.st_ctime) * NANOS + i128::from(stat.st_ctime_nsec),
        })
    }

    /// Puts a file in place atomically; whatever was there before is replaced.
    ///
    /// A flush takes up to a quarter of a second on a busy disk. A new file is a copy, which the next launch writes
    /// again; one that replaces other content is flushed, because that may have been the agent's own.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let there = self.read(name)?;
        if matches!(&there, Content::File(there) if there == content) {
            return Ok(());
        }
        self.put(Path::new(name), |file| {
            file.write_all(content)?;
            if there == Content::Absent { Ok(()) } else { file.sync_all() }
        })
    }

    fn put(&self, name: &Path, fill: impl FnOnce(&mut cap_std::fs::File) -> io::Result<()>) -> io::Result<()> {
        let temporary = format!(".cci-{}.tmp", uuid::Uuid::new_v4().simple());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut opened = self.dir.open_with(&temporary, &options)?;
        let put = || -> io::Result<()> {
            fill(&mut opened)?;
            self.give_away(Path::new(&temporary))?;
            if self.dir.symlink_metadata(name).is_ok_and(|there| there.is_dir()) {
                super::remove::entry(&self.dir, name)?;
            }
            self.dir.rename(&temporary, &self.dir, name)
        };
        put().inspect_err(|_| {
            let _ = self.dir.remove_file(&temporary);
        })
    }

    /// A directory in it, created if missing; anything else of that name is replaced.
    pub(crate) fn subdir(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let name = name.as_ref();
        let there = self.dir.symlink_metadata(name);
        if there.as_ref().is_ok_and(|there| !there.is_dir()) {
            self.dir.remove_file(name)?;
        }
        if !there.is_ok_and(|there| there.is_dir()) {
            self.dir.create_dir(name)?;
            self.dir.set_permissions(name, Permissions::from_mode(0o700))?;
            self.give_away(name)?;
        }
        let dir = self.open_beneath(name)?;
        let mode = rustix::fs::fstat(&dir)?.st_mode;
        if mode & 0o700 != 0o700 {
            // an agent took from itself what the next launch needs
            rustix::fs::fchmod(&dir, Mode::from_raw_mode(mode & 0o777 | 0o700))?;
        }
        let dir = Dir::from_std_file(std::fs::File::from(dir));
        Ok(Self { dir, path: self.path.join(name), owner: self.owner })
    }

    /// A directory deep inside, only if every component is a real directory.
    pub(crate) fn existing(&self, path: &str) -> Option<OwnedFd> {
        self.open_beneath(path).ok()
    }

    fn open_beneath(&self, path: impl AsRef<Path>) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        Ok(rustix::fs::openat2(self.dir.as_fd(), path.as_ref(), flags, Mode::empty(), resolve)?)
    }

    fn is_regular(&self, name: &Path) -> bool {
        self.stat(name).is_some()
    }

    /// When cci runs as root for another user's workspace, what it creates must belong to that user.
    fn give_away(&self, name: &Path) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.owner.uid), Gid::from_raw(self.owner.gid));
        Ok(rustix::fs::chownat(self.dir.as_fd(), name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// Nanoseconds in a second.
pub(crate) const NANOS: i128 = 1_000_000_000;

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

        assert_eq!(guest.read("settings.json").unwrap(), Content::Other);
        guest.write("settings.json", b"ours").unwrap();
        guest.subdir("commands").unwrap().write("x", b"ours").unwrap();

        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "host");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(guest.read("settings.json").unwrap(), Content::File(b"ours".to_vec()));
    }

    #[test]
    fn a_pipe_or_a_directory_in_the_place_of_a_file_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, state.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::create_dir_all(state.path().join("dir/full")).unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();
        for name in ["pipe", "dir"] {
            assert_eq!(guest.read(name).unwrap(), Content::Other, "{name}");
            guest.write(name, b"x").unwrap();
            assert_eq!(guest.read(name).unwrap(), Content::File(b"x".to_vec()), "{name}");
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
            assert_eq!(guest.read("a").unwrap(), Content::File(content.as_bytes().to_vec()));
            std::fs::metadata(state.path().join("a")).unwrap().ino()
        };
        let first = file("one");
        assert_eq!(file("one"), first);
        assert_ne!(file("two"), first, "a reader of the old one sees the new one come");
    }

    #[test]
    fn a_directory_that_the_agent_made_read_only_can_be_written() {
        let state = tempfile::tempdir().unwrap();
        let guest = GuestDir::open(state.path(), here()).unwrap();
        guest.subdir("d").unwrap();
        let mode =
            || std::os::unix::fs::PermissionsExt::mode(&state.path().join("d").metadata().unwrap().permissions());
        std::fs::set_permissions(state.path().join("d"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
        guest.subdir("d").unwrap().write("x", b"x").unwrap();
        assert_eq!(mode() & 0o777, 0o755);
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
