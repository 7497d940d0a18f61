//! Files of a stopped container: the same tar stream, read from and written to its disk over SFTP.

use std::io::Read;
use std::pin::pin;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::archive::{END, Header, Kind, MAX_DEPTH, Reader, encode, padding};
use cci_incus::Sftp;
use cci_incus::russh_sftp::client::error::Error as SftpError;
use cci_incus::russh_sftp::client::fs::Metadata;
use cci_incus::russh_sftp::protocol::StatusCode;
use futures_util::stream::{self, StreamExt};
use tokio::io::AsyncReadExt;

use super::flow::{Inlet, Outlet};
use super::remote::Remote;
use super::remote::{is_directory, missing};
use super::sink::Sink;
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{SpecialFile, TransferEvent};
use crate::incus_error::DuringStep;
use cci_host::store::pack::Owner;

/// How many files are read at the same time.
const AT_ONCE: usize = 32;
/// A file up to this size is read at once.
const SMALL: u64 = 1 << 20;
/// How much is read at once of a larger one.
const CHUNK: usize = 256 << 10;

/// Sends a file or a tree.
pub(super) async fn send(cx: &Context, from: &Remote, tree: bool, inlet: Inlet) -> Result<()> {
    let sftp = cx.client.sftp(&from.name).await.during("open the container's files")?;
    let sent = Source { cx, sftp: &sftp, from, inlet: &inlet }.send(tree).await;
    let closed = sftp.close().await.during("close the container's files");
    sent.and(closed)
}

struct Source<'a> {
    cx: &'a Context,
    sftp: &'a Sftp,
    from: &'a Remote,
    inlet: &'a Inlet,
}

impl Source<'_> {
    async fn send(&self, tree: bool) -> Result<()> {
        let path = self.from.path.as_str();
        let meta = match self.sftp.metadata(path).await {
            Ok(meta) => meta,
            Err(error) if is_missing(&error) => return Err(missing(self.from)),
            Err(error) => return Err(self.failed(path, &error)),
        };
        match (meta.is_dir(), tree) {
            (true, false) => return Err(is_directory(self.from)),
            (true, true) => self.tree(path, &meta).await?,
            (false, _) => self.entry("./file", path, &meta).await?,
        }
        self.inlet.send(END.to_vec()).await;
        Ok(())
    }

    /// Directories one after the other, the files of each in parallel.
    async fn tree(&self, root: &str, meta: &Metadata) -> Result<()> {
        let mut directories = vec![(".".to_owned(), root.trim_end_matches('/').to_owned(), meta.clone())];
        while let Some((inner, outer, meta)) = directories.pop() {
            if inner.split('/').count() > MAX_DEPTH
                || !self.inlet.send(encode(&header(Kind::Directory, &inner, &meta))).await
            {
                return Ok(());
            }
            let listed = if outer.is_empty() { "/" } else { &outer };
            let listing = self.sftp.read_dir(listed).await.map_err(|error| self.failed(listed, &error))?;
            let mut files = Vec::new();
            for entry in listing {
                let name = entry.file_name();
                let (inner, path) = (format!("{inner}/{name}"), format!("{outer}/{name}"));
                if name.contains(char::REPLACEMENT_CHARACTER) {
                    self.cx.emit(TransferEvent::NotUtf8 { path: inner });
                } else if entry.metadata().is_dir() {
                    directories.push((inner, path, entry.metadata()));
                } else {
                    files.push((inner, path, entry.metadata()));
                }
            }
            self.files(files).await?;
        }
        Ok(())
    }

    async fn files(&self, files: Vec<(String, String, Metadata)>) -> Result<()> {
        let read = stream::iter(files).map(|(inner, path, meta)| async move {
            let small = meta.file_type().is_file() && meta.size.unwrap_or_default() <= SMALL;
            let content = if small { Some(self.sftp.read(&path).await) } else { None };
            (inner, path, meta, content)
        });
        let mut read = pin!(read.buffered(AT_ONCE));
        while let Some((inner, path, meta, content)) = read.next().await {
            match content {
                None => self.entry(&inner, &path, &meta).await?,
                Some(Ok(content)) => {
                    let size = content.len() as u64;
                    let mut blocks = encode(&Header { size, ..header(Kind::File, &inner, &meta) });
                    blocks.extend(content);
                    blocks.extend(padding(size));
                    self.inlet.send(blocks).await;
                }
                Some(Err(error)) => return Err(self.failed(&path, &error)),
            }
        }
        Ok(())
    }

    /// A large file, a link, or something that has only a header.
    async fn entry(&self, inner: &str, path: &str, meta: &Metadata) -> Result<()> {
        if meta.is_symlink() {
            let link = self.sftp.read_link(path).await.map_err(|error| self.failed(path, &error))?.into_bytes();
            self.inlet.send(encode(&Header { link, ..header(Kind::Symlink, inner, meta) })).await;
            return Ok(());
        }
        if !meta.file_type().is_file() {
            self.inlet.send(encode(&header(Kind::Other, inner, meta))).await;
            return Ok(());
        }
        let size = meta.size.unwrap_or_default();
        self.inlet.send(encode(&Header { size, ..header(Kind::File, inner, meta) })).await;
        let mut file = self.sftp.open(path).await.map_err(|error| self.failed(path, &error))?;
        let mut left = size;
        while left > 0 {
            let mut chunk = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK)];
            let read = file.read(&mut chunk).await.map_err(|error| self.failed(path, &error))?;
            // a file that has shrunk is padded with zeros
            chunk.truncate(if read == 0 { chunk.len() } else { read });
            left -= chunk.len() as u64;
            if !self.inlet.send(chunk).await {
                return Ok(());
            }
        }
        self.inlet.send(padding(size).to_vec()).await;
        Ok(())
    }

    fn failed(&self, path: &str, error: &dyn std::fmt::Display) -> Error {
        let path = GuestText::new(path);
        Error::StepFailed {
            step: format!("reading {path} in container {}", self.from.name),
            problem: error.to_string(),
            hint: None,
        }
    }
}

pub(super) fn is_missing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

fn header(kind: Kind, inner: &str, meta: &Metadata) -> Header {
    Header {
        mode: meta.permissions.unwrap_or(0o644) & 0o7777,
        uid: meta.uid.unwrap_or_default().into(),
        gid: meta.gid.unwrap_or_default().into(),
        mtime: meta.mtime.unwrap_or_default().into(),
        ..Header::new(kind, inner)
    }
}

/// Unpacks a stream at a place: a tree becomes the place or goes into it as `name`.
pub(super) async fn take(
    cx: &Context,
    to: &Remote,
    tree: bool,
    name: &str,
    outlet: Outlet,
    _owner: Owner,
) -> Result<()> {
    let sftp = cx.client.sftp(&to.name).await.during("open the container's files")?;
    let runtime = tokio::runtime::Handle::current();
    let sink = match runtime_place(&sftp, to, tree, name).await {
        Ok(target) => Sink::new(runtime, sftp, target, tree),
        Err(error) => {
            let _ = sftp.close().await;
            return Err(error);
        }
    };
    let ((sftp, special), written) = blocking(move || Ok(write(sink, outlet))).await?;
    if written.is_ok() && !special.is_empty() {
        cx.emit(TransferEvent::SpecialBitsLost { files: special });
    }
    let closed = sftp.close().await.during("close the container's files");
    written.and(closed)
}

fn write(mut sink: Sink, outlet: Outlet) -> ((Sftp, Vec<SpecialFile>), Result<()>) {
    let mut archive = Reader::new(outlet);
    let mut written = || -> Result<()> {
        while let Some(header) = archive.next_entry().map_err(|error| Error::Internal(error.to_string()))? {
            sink.entry(&header, &mut archive as &mut dyn Read)?;
        }
        sink.finish()
    };
    let written = written();
    (sink.into_parts(), written)
}

/// Where it goes.
async fn runtime_place(sftp: &Sftp, to: &Remote, tree: bool, name: &str) -> Result<String> {
    let failed = |problem: String| Error::StepFailed { step: "pushing".into(), problem, hint: None };
    let path = to.path.trim_end_matches('/');
    let into = |dir: &str| if name.is_empty() { dir.to_owned() } else { format!("{dir}/{name}") };
    let is_dir = async |path: &str| match sftp.metadata(if path.is_empty() { "/" } else { path }).await {
        Ok(meta) => Ok(Some(meta.is_dir())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    };
    let target = match is_dir(path).await? {
        Some(true) => into(path),
        Some(false) | None => path.to_owned(),
    };
    let shown = GuestText::new(&target);
    match (is_dir(&target).await?, tree) {
        (Some(true), false) => {
            return Err(failed(format!("{shown} is a directory in container {}, and stays", to.name)));
        }
        (Some(false), true) => {
            return Err(failed(format!("{shown} is not a directory in container {}, and stays", to.name)));
        }
        _ => {}
    }
    let (above, _) = target.rsplit_once('/').unwrap_or_default();
    if is_dir(above).await? != Some(true) || (!tree && to.path.ends_with('/') && target == path) {
        return Err(failed(format!("no directory for {} in container {}", GuestText::new(&to.path), to.name)));
    }
    Ok(target)
}
