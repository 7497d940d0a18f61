//! The files of conversations in a directory: of the host, or of a session. No link is followed, nothing is waited for, and
//! nothing is read without a bound.

use std::cmp::Reverse;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_agent::Agent;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;

use super::left::WhyLeft;
use super::stamp::Stamp;
use crate::store::exact_dir::exact_dir;

/// So many conversations are copied at most, the newest first.
pub(super) const MOST_FILES: usize = 200;
/// So many bytes of them in all.
pub(super) const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// A larger file is left alone.
pub(super) const LARGEST: u64 = 32 * 1024 * 1024;
/// So many names are looked at.
const MOST_NAMES: usize = 10_000;

/// An open directory.
pub(super) struct Files(OwnedFd);

/// A file that has a conversation's name.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) stamp: Stamp,
}

impl Files {
    /// The directory `below` one of the host's; `None` if there is none.
    pub(super) fn on_host(directory: &Path, below: &str) -> io::Result<Option<Self>> {
        match configuration(directory).and_then(|above| Ok(beneath(&above, below)?)) {
            Ok(dir) => Ok(Some(Self(dir))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, made if it is missing, for the user alone.
    pub(super) fn made_on_host(directory: &Path, below: &str) -> io::Result<Self> {
        let mut above = configuration(directory)?;
        for part in below.split('/') {
            match rustix::fs::mkdirat(&above, part, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            above = beneath(&above, part)?;
        }
        Ok(Self(above))
    }

    /// That of a session's transcripts.
    pub(super) fn opened(dir: OwnedFd) -> Self {
        Self(dir)
    }

    /// The files of an agent's conversations, the newest first.
    pub(super) fn of(&self, agent: &dyn Agent) -> Vec<Found> {
        let (Some(kept), Ok(entries)) = (agent.transcripts(), Dir::read_from(&self.0)) else { return Vec::new() };
        let mut found: Vec<Found> = entries
            .flatten()
            .take(MOST_NAMES)
            .filter_map(|entry| {
                let name = entry.file_name().to_str().ok()?.to_owned();
                let id = (kept.id)(&name)?.to_owned();
                Some(Found { id, stamp: self.stamp(&name)?, name })
            })
            .collect();
        found.sort_by_key(|found| Reverse(found.stamp.modified()));
        found
    }

    /// The state of a file; `None` for anything else.
    pub(super) fn stamp(&self, name: &str) -> Option<Stamp> {
        stamp(&self.open(name).ok()?.metadata().ok()?)
    }

    /// The whole content of a file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, WhyLeft> {
        let file = match self.open(name) {
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(WhyLeft::NoFile),
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Err(WhyLeft::NoFile);
        }
        let mut content = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut content)?;
        if read as u64 > LARGEST { Err(WhyLeft::TooMuch) } else { Ok(content) }
    }

    /// Whether there is anything of this name.
    pub(super) fn exists(&self, name: &str) -> bool {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Puts a file in place in one step, for the user alone: where there is none, or in the place of the one in this state.
    pub(super) fn put(&self, name: &str, content: &[u8], before: Option<Stamp>) -> Result<(), WhyLeft> {
        let temporary = format!(".cci-{}.tmp", uuid::Uuid::new_v4().simple());
        let put = || {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(
                rustix::fs::openat(&self.0, &temporary, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?,
            );
            file.write_all(content)?;
            file.sync_all()?;
            match before {
                None => match rustix::fs::renameat_with(&self.0, &temporary, &self.0, name, RenameFlags::NOREPLACE) {
                    Err(Errno::EXIST) => Err(WhyLeft::Written),
                    done => Ok(done.map_err(io::Error::from)?),
                },
                // the agent on the host may be in this conversation now
                Some(_) if self.stamp(name) != before => Err(WhyLeft::Written),
                Some(_) => Ok(rustix::fs::renameat(&self.0, &temporary, &self.0, name).map_err(io::Error::from)?),
            }
        };
        put().inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&self.0, &temporary, AtFlags::empty());
        })
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }
}

/// The agent's directory on the host, which is no link itself.
fn configuration(directory: &Path) -> io::Result<OwnedFd> {
    let (Some(above), Some(name)) = (directory.parent(), directory.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    exact_dir(&above.canonicalize()?.join(name))
}

/// A directory below another, with no link on the way.
fn beneath(above: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat2(above, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

pub(super) fn stamp(meta: &Metadata) -> Option<Stamp> {
    let seconds = u64::try_from(meta.mtime()).ok()?;
    let nanos = u32::try_from(meta.mtime_nsec()).ok()?;
    meta.is_file().then_some(Stamp { size: meta.len(), seconds, nanos })
}
