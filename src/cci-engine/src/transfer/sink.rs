//! Writes the entries of an archive to the disk of a stopped container.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::archive::{Header, Kind};
use cci_incus::Sftp;
use cci_incus::russh_sftp::client::error::Error as SftpError;
use cci_incus::russh_sftp::client::fs::Metadata;
use cci_incus::russh_sftp::protocol::OpenFlags;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Handle;

use crate::event::SpecialFile;

/// How much of a file is held at once.
const CHUNK: usize = 256 << 10;
/// A file is complete before it gets its name.
const UNFINISHED: &str = ".cci-push";

/// A place on the disk of a stopped container.
pub(super) struct Sink {
    runtime: Handle,
    sftp: Sftp,
    target: String,
    tree: bool,
    /// Directories, with the attributes they get once everything is in them.
    directories: Vec<(String, Header)>,
    /// Files whose set-id or sticky bits Incus does not accept over SFTP.
    special: Vec<SpecialFile>,
}

impl Sink {
    /// `runtime` drives the session: the sink works on another thread.
    pub(super) fn new(runtime: Handle, sftp: Sftp, target: String, tree: bool) -> Self {
        Self { runtime, sftp, target, tree, directories: Vec::new(), special: Vec::new() }
    }

    /// Writes one entry of our own archive.
    pub(super) fn entry(&mut self, header: &Header, content: &mut dyn Read) -> Result<()> {
        let path = self.path(&header.path)?;
        if header.mode & 0o7000 != 0 && header.kind != Kind::Symlink {
            self.special.push(SpecialFile { path: path.clone(), mode: header.mode });
        }
        let made = match header.kind {
            Kind::Directory => self.directory(&path, header),
            Kind::Symlink => match std::str::from_utf8(&header.link) {
                Ok(target) => self.symlink(&path, target),
                Err(_) => Err("its target is not UTF-8, and the container does not run".into()),
            },
            Kind::HardLink => {
                let first = self.path(&header.link)?;
                self.hard_link(&first, &path)
            }
            _ => self.file(&path, header, content),
        };
        made.map_err(|problem| failed(&path, &problem))
    }

    /// Sets the owners and modes of the directories.
    pub(super) fn finish(&mut self) -> Result<()> {
        for (path, header) in std::mem::take(&mut self.directories).into_iter().rev() {
            self.runtime
                .block_on(own(&self.sftp, &path, &header))
                .map_err(|error| failed(&path, &error.to_string()))?;
        }
        Ok(())
    }

    /// The session, to be closed, and the files whose mode could not be set completely.
    pub(super) fn into_parts(self) -> (Sftp, Vec<SpecialFile>) {
        (self.sftp, self.special)
    }

    fn path(&self, inner: &[u8]) -> Result<String> {
        let Ok(inner) = std::str::from_utf8(inner) else {
            return Err(failed(OsStr::from_bytes(inner), "its name is not UTF-8, and the container does not run"));
        };
        let inner = inner.trim_start_matches("./");
        Ok(match inner {
            "" | "." => self.target.clone(),
            _ if self.tree => format!("{}/{inner}", self.target),
            _ => self.target.clone(),
        })
    }

    fn directory(&mut self, path: &str, header: &Header) -> Result<(), String> {
        let there = self.runtime.block_on(self.sftp.symlink_metadata(path)).ok();
        match there {
            Some(there) if there.is_dir() => return Ok(()),
            Some(_) => return Err("it exists and is not a directory".into()),
            None => {}
        }
        self.runtime.block_on(self.sftp.create_dir(path)).map_err(|error| error.to_string())?;
        self.directories.push((path.to_owned(), header.clone()));
        Ok(())
    }

    fn symlink(&self, path: &str, target: &str) -> Result<(), String> {
        let _ = self.runtime.block_on(self.sftp.remove_file(path));
        // servers take the two paths in OpenSSH's order, which is not the standard's
        self.runtime.block_on(self.sftp.symlink(target, path)).map_err(|error| error.to_string())
    }

    fn hard_link(&self, first: &str, path: &str) -> Result<(), String> {
        let _ = self.runtime.block_on(self.sftp.remove_file(path));
        match self.runtime.block_on(self.sftp.hardlink(first, path)) {
            Ok(true) => Ok(()),
            Ok(false) => Err("hard links cannot be created in a container that does not run".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn file(&self, path: &str, header: &Header, content: &mut dyn Read) -> Result<(), String> {
        let unfinished = format!("{path}{UNFINISHED}");
        let written = self.write(&unfinished, header, content);
        let done = written.and_then(|()| {
            let finish = async {
                own(&self.sftp, &unfinished, header).await?;
                self.sftp.rename(&unfinished, path).await
            };
            self.runtime.block_on(finish).map_err(|error| error.to_string())
        });
        done.inspect_err(|_| drop(self.runtime.block_on(self.sftp.remove_file(&unfinished))))
    }

    fn write(&self, path: &str, header: &Header, content: &mut dyn Read) -> Result<(), String> {
        let open = self.sftp.open_with_flags(path, OpenFlags::CREATE | OpenFlags::WRITE | OpenFlags::TRUNCATE);
        let mut file = self.runtime.block_on(open).map_err(|error| error.to_string())?;
        let whole = [(0, header.size)];
        let pieces = if header.kind == Kind::Sparse { header.map.as_slice() } else { &whole };
        let mut chunk = vec![0; CHUNK];
        for (offset, length) in pieces {
            self.runtime.block_on(file.seek(std::io::SeekFrom::Start(*offset))).map_err(|error| error.to_string())?;
            let mut left = *length;
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
                let read = content.read(&mut chunk[..most]).map_err(|error| error.to_string())?;
                if read == 0 {
                    return Err("the stream ended early".into());
                }
                self.runtime.block_on(file.write_all(&chunk[..read])).map_err(|error| error.to_string())?;
                left -= read as u64;
            }
        }
        self.runtime.block_on(file.shutdown()).map_err(|error| error.to_string())?;
        if header.kind == Kind::Sparse {
            let size = Metadata { size: Some(header.real_size), ..Metadata::empty() };
            self.runtime.block_on(self.sftp.set_metadata(path, size)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Owner and time first: a change of owner clears the set-id bits.
async fn own(sftp: &Sftp, path: &str, header: &Header) -> Result<(), SftpError> {
    let time = u32::try_from(header.mtime).ok();
    let (uid, gid) = (u32::try_from(header.uid).ok(), u32::try_from(header.gid).ok());
    sftp.set_metadata(path, Metadata { uid, gid, ..Metadata::empty() }).await?;
    sftp.set_metadata(path, Metadata { permissions: Some(header.mode), atime: time, mtime: time, ..Metadata::empty() })
        .await
}

fn failed(path: impl AsRef<OsStr>, problem: &str) -> Error {
    let path = GuestText::new(path);
    Error::StepFailed { step: "pushing".into(), problem: format!("cannot write {path}: {problem}"), hint: None }
}
