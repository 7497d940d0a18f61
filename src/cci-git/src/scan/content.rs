//! Reads one file or link, and knows whether it stayed the same meanwhile.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::hash::Kind;
use crate::meta::Meta;
use crate::not_held::Why;
use crate::pack::deflate::{Deflate, Squeeze};
use crate::pack::write::{Sink, Streamed};
use crate::scan::listing::What;

/// Up to which size a file is read into memory as a whole.
const IN_MEMORY: u64 = 8 << 20;

/// How often a file that changes meanwhile is read.
const TRIES: usize = 3;

/// One thread's tools.
pub(crate) struct Tools {
    pub(crate) deflate: Deflate,
    buffer: Vec<u8>,
    /// Where the kernel puts the names of a directory.
    pub(crate) listed: Vec<MaybeUninit<u8>>,
}

impl Tools {
    pub(crate) fn new() -> Self {
        Self { deflate: Deflate::new(), buffer: Vec::new(), listed: vec![MaybeUninit::uninit(); 32 << 10] }
    }
}

/// What a read had as its result.
enum Attempt {
    Done(Meta, What),
    Again,
}

/// Takes the content of `name`, as it is and not as a look at it said before.
pub(crate) fn take(
    directory: &OwnedFd,
    name: &[u8],
    max_file: u64,
    squeeze: Squeeze,
    sink: &dyn Sink,
    tools: &mut Tools,
) -> Result<(Meta, What)> {
    let mut last = Meta::default();
    for _ in 0..TRIES {
        let meta = match Meta::at(directory, name) {
            Ok(meta) => meta,
            Err(Errno::NOENT) => return Ok((last, What::Open)),
            Err(_) => return Ok((last, What::Not(Why::Unreadable))),
        };
        last = meta;
        let attempt = match meta.file_type() {
            FileType::RegularFile if meta.size > max_file => return Ok((meta, What::Not(Why::TooLarge))),
            FileType::RegularFile => file(directory, name, max_file, squeeze, sink, tools),
            FileType::Symlink => link(directory, name, meta, sink, tools),
            // what was no directory when it was listed is one now
            _ => Ok(Attempt::Again),
        };
        match attempt {
            Ok(Attempt::Done(meta, what)) => return Ok((meta, what)),
            Ok(Attempt::Again) => {}
            Err(Error::Forged) => return Ok((meta, What::Not(Why::Forged))),
            Err(error) => return Err(error),
        }
    }
    Ok((last, What::Not(Why::Changing)))
}

/// Takes the target of a link.
fn link(directory: &OwnedFd, name: &[u8], meta: Meta, sink: &dyn Sink, tools: &mut Tools) -> Result<Attempt> {
    let Ok(target) = readlinkat(directory, name, Vec::new()) else { return Ok(Attempt::Again) };
    match Meta::at(directory, name) {
        Ok(after) if after.same_version(&meta) => {
            let id = sink.put(Kind::Blob, target.as_bytes(), Squeeze::Try, &mut tools.deflate)?;
            Ok(Attempt::Done(meta, What::Content(id)))
        }
        _ => Ok(Attempt::Again),
    }
}

/// Takes the bytes of a file.
fn file(
    directory: &OwnedFd,
    name: &[u8],
    max_file: u64,
    squeeze: Squeeze,
    sink: &dyn Sink,
    tools: &mut Tools,
) -> Result<Attempt> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = match openat(directory, name, flags, Mode::empty()) {
        Ok(opened) => opened,
        Err(Errno::ACCESS | Errno::PERM) => {
            return Ok(Attempt::Done(Meta::at(directory, name).unwrap_or_default(), What::Not(Why::Unreadable)));
        }
        Err(error @ (Errno::MFILE | Errno::NFILE)) => {
            return Err(crate::error::at("open", crate::dir::path_of(name.to_vec()))(error));
        }
        Err(_) => return Ok(Attempt::Again),
    };
    let Ok(before) = Meta::open(&opened) else { return Ok(Attempt::Again) };
    if before.file_type() != FileType::RegularFile || before.size > max_file {
        return Ok(Attempt::Again);
    }
    let mut opened = File::from(opened);
    if before.size > IN_MEMORY {
        return large(&mut opened, before, sink, tools);
    }
    match read(&mut opened, before.size, &mut tools.buffer) {
        Ok(true) => {}
        Ok(false) => return Ok(Attempt::Again),
        Err(_) => return Ok(Attempt::Done(before, What::Not(Why::Unreadable))),
    }
    if !unchanged(&opened, &before) {
        return Ok(Attempt::Again);
    }
    let id = sink.put(Kind::Blob, &tools.buffer, squeeze, &mut tools.deflate)?;
    Ok(Attempt::Done(before, What::Content(id)))
}

/// Takes the bytes of a file that is too large for the memory.
fn large(opened: &mut File, before: Meta, sink: &dyn Sink, tools: &mut Tools) -> Result<Attempt> {
    if opened.rewind().is_err() {
        return Ok(Attempt::Again);
    }
    match sink.stream(opened, before.size, &mut tools.deflate)? {
        Streamed::Whole(id) if unchanged(&*opened, &before) => Ok(Attempt::Done(before, What::Content(id))),
        _ => Ok(Attempt::Again),
    }
}

/// Reads a file into `buffer`; false if it has another size than it was said to have.
fn read(file: &mut File, size: u64, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    buffer.reserve(usize::try_from(size).unwrap_or_default() + 1);
    file.take(size + 1).read_to_end(buffer)?;
    Ok(buffer.len() as u64 == size)
}

/// Whether nothing happened to an open file since.
fn unchanged(file: impl AsFd, before: &Meta) -> bool {
    Meta::open(file).is_ok_and(|after| after.same_version(before))
}
