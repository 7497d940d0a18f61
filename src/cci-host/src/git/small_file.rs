//! Reads a small file that an agent may have written: it may not be a link itself, and reading never blocks.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// No valid file is larger.
const LIMIT: u64 = 1 << 20;

/// The content of a regular file that is no link.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    opened(path, OFlags::NOFOLLOW)
}

/// The same for a file of the caller's own, which may be a link.
pub(super) fn read_followed(path: &Path) -> io::Result<Vec<u8>> {
    opened(path, OFlags::empty())
}

fn opened(path: &Path, further: OFlags) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | further;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
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
