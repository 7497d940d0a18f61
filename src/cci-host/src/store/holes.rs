//! The holes of a file: whether it has any, and where it has content.

use std::fs::File;
use std::io;

use rustix::fs::{SeekFrom, Stat};
use rustix::io::Errno;

/// Whether a file takes less room than it is long.
pub(super) fn has_holes(stat: &Stat) -> bool {
    stat.st_blocks.unsigned_abs().saturating_mul(512) < stat.st_size.unsigned_abs()
}

/// Where a file has content; a piece of no length at its end keeps the size.
pub(super) fn pieces(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(size);
        pieces.push((start, end - start));
        at = end;
    }
    if pieces.last().is_none_or(|(offset, length)| offset + length < size) {
        pieces.push((size, 0));
    }
    Ok(pieces)
}
