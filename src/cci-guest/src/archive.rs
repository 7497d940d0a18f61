//! Tar archives for transfers into and out of a container. GNU's format, which keeps every name, size and hole.
//!
//! An archive is written as blocks by [`encode`], and read by a [`Reader`], which trusts nothing in size or form.
//!
//! ```
//! use cci_guest::archive::{Header, Kind, Reader, file};
//!
//! let archive = file("notes.txt", b"hello");
//! let mut reader = Reader::new(archive.as_slice());
//! let entry = reader.next_entry()?.unwrap();
//! assert_eq!((entry.kind, entry.path.as_slice()), (Kind::File, &b"notes.txt"[..]));
//! assert_eq!(std::io::read_to_string(&mut reader)?, "hello");
//! assert_eq!(reader.next_entry()?, None);
//! # Ok::<(), std::io::Error>(())
//! ```

mod field;
mod header;
mod map;
mod pax;
mod reader;

pub use header::{Header, Kind, encode};
pub use map::Piece;
pub use reader::Reader;

/// The unit of the format in bytes.
pub const BLOCK: usize = 512;

/// The blocks at the end of an archive.
pub const END: [u8; BLOCK * 2] = [0; BLOCK * 2];

/// How deeply directories may be nested, in both directions: each level uses some stack and a descriptor.
pub const MAX_DEPTH: usize = 512;

/// The zeros after a content of this size.
#[must_use]
pub fn padding(size: u64) -> &'static [u8] {
    const ZEROS: &[u8] = &[0; BLOCK];
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    ZEROS.get(..(BLOCK - over) % BLOCK).unwrap_or_default()
}

/// An archive of one file that everybody may read.
#[must_use]
pub fn file(path: &str, content: &[u8]) -> Vec<u8> {
    let size = content.len() as u64;
    let header = encode(&Header { size, ..Header::new(Kind::File, path) });
    [header.as_slice(), content, padding(size), &END].concat()
}
