//! Reads a small file that an agent may have written: it may not be a link itself, and reading never blocks.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::way::{self, NoWay};

/// No valid file is larger.
const LIMIT: u64 = 1 << 20;

/// The content of a regular file that is no link.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (file, kind) = opened(path)?;
    if kind.is_file() { content(file) } else { Ok(Vec::new()) }
}

/// The same of a file of the caller's own, which may be a link of theirs, to `/dev/null` too; a link in the workspace can
/// be an agent's, and leads nowhere else.
pub(super) fn read_followed(path: &Path, workspace: &Path) -> io::Result<Vec<u8>> {
    let written = workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned());
    let real = way::real(path, &[written]).map_err(|none| match none {
        NoWay::Out(_) => io::Error::other("a link in the workspace leads out of it"),
        NoWay::Round => Errno::LOOP.into(),
        NoWay::Io(error) => error,
    })?;
    let file = way::open(&real)?;
    let kind = file.metadata()?.file_type();
    if kind.is_char_device() {
        return Ok(Vec::new());
    }
    if kind.is_file() { content(file) } else { Err(io::Error::other("it is no file")) }
}

fn opened(path: &Path) -> io::Result<(File, FileType)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let kind = file.metadata()?.file_type();
    Ok((file, kind))
}

fn content(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// The only line of a file such as `.git`.
pub(super) fn line(path: &Path) -> Option<String> {
    let text = String::from_utf8(read(path).ok()?).ok()?;
    let line = text.trim_end_matches(['\n', '\r']);
    (!line.is_empty() && !line.contains('\n')).then(|| line.to_owned())
}
