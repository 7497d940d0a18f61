//! Makes new packs of objects in old ones: they are copied as they are, compressed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hash::Kind;
use crate::id::Id;
use crate::pack::deflate::{Deflate, Squeeze};
use crate::pack::entry;
use crate::pack::file::PackFile;
use crate::pack::index::Place;
use crate::pack::read::{Pack, Packs, Reader};

/// An object in a pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lying {
    pub(crate) id: Id,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// The objects of a pack, in the order in which they lie in it.
pub(crate) fn objects(pack: &Pack) -> Result<Vec<Lying>> {
    let end = pack.data()?.pack_end() as u64;
    let mut all: Vec<Lying> = pack
        .index
        .iter()
        .filter_map(|entry| Some(Lying { id: Id::from_bytes(entry.oid.as_bytes())?, start: entry.pack_offset, end }))
        .collect();
    all.sort_unstable_by_key(|object| object.start);
    for at in 1..all.len() {
        all[at - 1].end = all[at].start;
    }
    Ok(all)
}

/// Writes one pack with those objects of `packs` that are wanted; its name, if there are any.
pub(crate) fn merge(
    directory: &Path,
    packs: &[Arc<Pack>],
    all: &Arc<Packs>,
    wanted: &dyn Fn(Id) -> bool,
) -> Result<Option<String>> {
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    for pack in packs {
        for object in objects(pack)? {
            if wanted(object.id) && seen.insert(object.id) {
                chosen.push((pack, object));
            }
        }
    }
    if chosen.is_empty() {
        return Ok(None);
    }
    let mut merged = PackFile::begin(directory, u32::try_from(chosen.len()).unwrap_or(u32::MAX))?;
    let mut places = Vec::with_capacity(chosen.len());
    let mut again = Again { reader: Reader::new(all.clone()), deflate: Deflate::new() };
    for (pack, object) in chosen {
        let offset = merged.offset();
        let bytes = again.bytes(pack, object)?;
        merged.append(&bytes)?;
        places.push(Place { id: object.id, crc: crc32fast::hash(&bytes), offset });
    }
    merged.finish(places).map(Some)
}

/// What it takes to write an object that lies in a pack as a delta: somebody ran git on the store.
struct Again {
    reader: Reader,
    deflate: Deflate,
}

impl Again {
    /// An object as it is in a pack.
    fn bytes<'a>(&mut self, pack: &'a Pack, object: Lying) -> Result<std::borrow::Cow<'a, [u8]>> {
        let damaged = || Error::Damaged { id: object.id, why: "it does not lie where the index says".to_owned() };
        let raw = pack.data()?.entry_slice(object.start..object.end).ok_or_else(damaged)?;
        if matches!(raw.first().map(|byte| byte >> 4 & 7), Some(1..=4)) {
            return Ok(raw.into());
        }
        let (kind, bytes) = self.reader.any(object.id)?;
        let kind = match kind {
            gix_object::Kind::Tree => Kind::Tree,
            gix_object::Kind::Blob => Kind::Blob,
            _ => return Err(damaged()),
        };
        let mut packed = Vec::new();
        entry::header(kind, bytes.len() as u64, &mut packed);
        self.deflate.append(bytes, Squeeze::Try, &mut packed);
        Ok(packed.into())
    }
}
