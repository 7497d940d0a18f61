//! What the kernel tells of a file without opening it.

use std::os::fd::AsFd;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, Statx, StatxAttributes, StatxFlags, StatxTimestamp, Timespec, Timestamps, statx};
use rustix::io;

/// A time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Time {
    pub(crate) sec: i64,
    pub(crate) nsec: u32,
}

impl Time {
    /// The time of the clock that the kernel gives to files.
    pub(crate) fn now() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { sec: i64::try_from(now.as_secs()).unwrap_or_default(), nsec: now.subsec_nanos() }
    }

    fn of(stamp: StatxTimestamp) -> Self {
        Self { sec: stamp.tv_sec, nsec: stamp.tv_nsec }
    }

    /// As the calls take it that set a time of change and leave the time of reading.
    pub(crate) fn as_mtime(self) -> Timestamps {
        Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
            last_modification: Timespec { tv_sec: self.sec, tv_nsec: self.nsec.into() },
        }
    }
}

/// What distinguishes a version of a file from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    /// Kind and permissions.
    pub(crate) mode: u32,
    pub(crate) ino: u64,
    pub(crate) size: u64,
    pub(crate) mtime: Time,
    pub(crate) ctime: Time,
    pub(crate) nlink: u32,
    pub(crate) dev: (u32, u32),
    pub(crate) mount: bool,
}

impl Meta {
    /// Of a name in a directory; a link is not followed.
    pub(crate) fn at(directory: impl AsFd, name: &[u8]) -> io::Result<Self> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Ok(Self::of(&statx(directory, name, flags, StatxFlags::BASIC_STATS)?))
    }

    /// Of what is open.
    pub(crate) fn open(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?))
    }

    fn of(stat: &Statx) -> Self {
        Self {
            mode: stat.stx_mode.into(),
            ino: stat.stx_ino,
            size: stat.stx_size,
            mtime: Time::of(stat.stx_mtime),
            ctime: Time::of(stat.stx_ctime),
            nlink: stat.stx_nlink,
            dev: (stat.stx_dev_major, stat.stx_dev_minor),
            mount: stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        }
    }

    pub(crate) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.file_type() == FileType::Directory
    }

    /// Whether nothing happened to a file between two looks at it.
    pub(crate) fn same_version(&self, other: &Self) -> bool {
        let key = |meta: &Self| (meta.mode, meta.ino, meta.size, meta.mtime, meta.ctime, meta.dev);
        key(self) == key(other)
    }
}
