//! Writes objects from several threads into few packs.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix_zlib::stream::deflate::FlushCompress;

use crate::error::{Error, Result};
use crate::hash::{Hashing, Kind, id_of};
use crate::id::Id;
use crate::pack::deflate::{Deflate, Squeeze, feed};
use crate::pack::entry;
use crate::pack::file::{self, HEADER, PackFile};
use crate::pack::index::Place;
use crate::pack::read::Packs;

/// How much is collected before it becomes a pack: enough for few packs, little enough for the memory.
const FULL: usize = 24 << 20;

/// Where objects go.
pub(crate) trait Sink: Sync {
    /// Takes an object that is in memory.
    fn put(&self, kind: Kind, bytes: &[u8], squeeze: Squeeze, deflate: &mut Deflate) -> Result<Id>;
    /// Takes a blob of `size` bytes, or says that it had another size.
    fn stream(&self, from: &mut dyn Read, size: u64, deflate: &mut Deflate) -> Result<Streamed>;
}

/// What became of a stream.
pub(crate) enum Streamed {
    /// All of it was taken.
    Whole(Id),
    /// It was shorter or longer than it was said to be, or could not be read.
    Not,
}

/// Computes ids and keeps nothing.
pub(crate) struct HashOnly;

impl Sink for HashOnly {
    fn put(&self, kind: Kind, bytes: &[u8], _: Squeeze, _: &mut Deflate) -> Result<Id> {
        id_of(kind, bytes)
    }

    fn stream(&self, from: &mut dyn Read, size: u64, _: &mut Deflate) -> Result<Streamed> {
        let mut hashing = Hashing::new(Kind::Blob, size);
        let mut left = size;
        loop {
            match chunk(from) {
                Ok(bytes) if bytes.is_empty() && left == 0 => return Ok(Streamed::Whole(hashing.finish()?)),
                Ok(bytes) if !bytes.is_empty() && bytes.len() as u64 <= left => {
                    hashing.update(&bytes);
                    left -= bytes.len() as u64;
                }
                _ => return Ok(Streamed::Not),
            }
        }
    }
}

/// Objects that become packs.
pub(crate) struct Packer {
    directory: PathBuf,
    known: Arc<Packs>,
    seen: Mutex<HashSet<Id>>,
    open: Mutex<Open>,
    written: Mutex<Vec<String>>,
}

/// What is not on the disk yet.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Packer {
    /// Writes into `directory` what `known` has not.
    pub(crate) fn new(directory: &Path, known: Arc<Packs>) -> Self {
        Self {
            directory: directory.to_owned(),
            known,
            seen: Mutex::default(),
            open: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// Writes the rest; the names of all packs that came to be.
    pub(crate) fn finish(self) -> Result<Vec<String>> {
        self.write(std::mem::take(&mut *lock(&self.open)))?;
        Ok(std::mem::take(&mut *lock(&self.written)))
    }

    /// Whether nobody has this object yet; the caller must write it then.
    fn is_new(&self, id: Id) -> bool {
        !self.known.contains(id) && lock(&self.seen).insert(id)
    }

    /// Makes a pack of what was collected.
    fn write(&self, open: Open) -> Result<()> {
        if open.places.is_empty() {
            return Ok(());
        }
        let name = file::write_whole(&self.directory, open.bytes, open.places)?;
        lock(&self.written).push(name);
        Ok(())
    }
}

impl Sink for Packer {
    fn put(&self, kind: Kind, bytes: &[u8], squeeze: Squeeze, deflate: &mut Deflate) -> Result<Id> {
        let id = id_of(kind, bytes)?;
        if !self.is_new(id) {
            return Ok(id);
        }
        let mut packed = Vec::new();
        entry::header(kind, bytes.len() as u64, &mut packed);
        deflate.append(bytes, squeeze, &mut packed);
        let crc = crc32fast::hash(&packed);

        let mut open = lock(&self.open);
        if open.bytes.is_empty() {
            open.bytes.resize(HEADER, 0);
        }
        let offset = open.bytes.len() as u64;
        open.bytes.extend_from_slice(&packed);
        open.places.push(Place { id, crc, offset });
        let full = (open.bytes.len() >= FULL).then(|| std::mem::take(&mut *open));
        drop(open);
        full.map_or(Ok(()), |full| self.write(full))?;
        Ok(id)
    }

    fn stream(&self, from: &mut dyn Read, size: u64, deflate: &mut Deflate) -> Result<Streamed> {
        let mut hashing = Hashing::new(Kind::Blob, size);
        let mut pack = PackFile::begin(&self.directory, 1)?;
        let mut crc = crc32fast::Hasher::new();
        let mut packed = Vec::new();
        entry::header(Kind::Blob, size, &mut packed);

        let Ok(mut bytes) = chunk(from) else { return Ok(Streamed::Not) };
        let compress = deflate.choose(&bytes, Squeeze::Try);
        let mut left = size;
        while !bytes.is_empty() {
            let Some(rest) = left.checked_sub(bytes.len() as u64) else { return Ok(Streamed::Not) };
            left = rest;
            hashing.update(&bytes);
            feed(compress, &bytes, FlushCompress::None, &mut packed);
            crc.update(&packed);
            pack.append(&packed)?;
            packed.clear();
            let Ok(next) = chunk(from) else { return Ok(Streamed::Not) };
            bytes = next;
        }
        feed(compress, &[], FlushCompress::Finish, &mut packed);
        crc.update(&packed);
        pack.append(&packed)?;
        if left > 0 {
            return Ok(Streamed::Not);
        }
        let id = hashing.finish()?;
        if self.is_new(id) {
            let name = pack.finish(vec![Place { id, crc: crc.finalize(), offset: HEADER as u64 }])?;
            lock(&self.written).push(name);
        }
        Ok(Streamed::Whole(id))
    }
}

/// What was begun and not finished is not kept: it would only fill the disk.
impl Drop for Packer {
    fn drop(&mut self) {
        for name in lock(&self.written).drain(..) {
            let _gone: Result<(), Error> = file::remove(&self.directory, &name);
        }
    }
}

/// The next piece of a stream; empty at its end.
fn chunk(from: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256 << 10);
    from.take(256 << 10).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A lock that a panic elsewhere does not close.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
