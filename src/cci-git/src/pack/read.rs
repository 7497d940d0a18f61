//! Finds objects in the packs of a directory and decodes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix_pack::cache::Never;
use gix_pack::data::decode::entry::ResolvedBase;
use gix_zlib::Inflate;

use crate::error::{Error, Result, at};
use crate::hash::Kind;
use crate::id::Id;
use crate::pack::file::checksum_of;

/// The hash that the store uses.
const SHA1: gix_hash::Kind = gix_hash::Kind::Sha1;

/// One pack with its index.
pub(crate) struct Pack {
    pub(crate) name: String,
    path: PathBuf,
    size: u64,
    pub(crate) index: gix_pack::index::File,
    data: OnceLock<gix_pack::data::File>,
    /// The checksums of the packs that all went into this one.
    pub(crate) merged: Vec<Id>,
}

impl Pack {
    /// Opens a pack, or says that it is not whole: after a crash of the host the bytes may be missing that a name promises.
    fn open(directory: &Path, name: &str) -> Option<Self> {
        let path = directory.join(name);
        let index = gix_pack::index::File::at(path.with_extension("idx"), SHA1).ok()?;
        let checksum = checksum_of(name)?;
        let pack = File::open(path.with_extension("pack")).ok()?;
        let end = pack.metadata().ok()?.len().checked_sub(Id::LEN as u64)?;
        let mut last = [0; Id::LEN];
        pack.read_exact_at(&mut last, end).ok()?;
        let whole = Id::from_bytes(&last) == Some(checksum) && index.pack_checksum().as_bytes() == checksum.bytes();
        let merged = std::fs::read(path.with_extension("merged")).unwrap_or_default();
        let merged = merged.chunks_exact(Id::LEN).filter_map(Id::from_bytes).collect();
        let pack = Self { name: name.to_owned(), path, size: end, index, data: OnceLock::new(), merged };
        // opened now, it can be read even when somebody has merged it into another meanwhile
        (whole && pack.data().is_ok()).then_some(pack)
    }

    /// How many bytes the pack has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The pack's bytes.
    pub(crate) fn data(&self) -> Result<&gix_pack::data::File> {
        if let Some(data) = self.data.get() {
            return Ok(data);
        }
        let path = self.path.with_extension("pack");
        let opened = gix_pack::data::File::at(&path, SHA1)
            .map_err(|error| at("read the pack", path)(std::io::Error::other(error.to_string())))?;
        Ok(self.data.get_or_init(|| opened))
    }

    /// Decodes the object at a place of the index into `out`.
    fn decode(&self, place: u32, id: Id, inflate: &mut Inflate, out: &mut Vec<u8>) -> Result<gix_object::Kind> {
        let data = self.data()?;
        let damaged = |why: String| Error::Damaged { id, why };
        let entry = data.entry(self.index.pack_offset_at_index(place)).map_err(|error| damaged(error.to_string()))?;
        let base = |id: &gix_hash::oid, _: &mut Vec<u8>| {
            let place = self.index.lookup(id).map(|place| data.entry(self.index.pack_offset_at_index(place)));
            place.map(|entry| entry.map(ResolvedBase::InPack)).transpose()
        };
        let decoded =
            data.decode_entry(entry, out, inflate, &base, &mut Never).map_err(|error| damaged(error.to_string()))?;
        Ok(decoded.kind)
    }
}

/// The packs of a store at one time.
#[derive(Clone, Default)]
pub(crate) struct Packs {
    all: Vec<Arc<Pack>>,
    /// The checksums of these packs and of those that were merged into them.
    held: BTreeSet<Id>,
    /// Packs of which an index is there, but not all of the bytes.
    pub(crate) broken: Vec<String>,
}

impl Packs {
    /// The packs in `directory`; of those that `known` has already, nothing is opened.
    pub(crate) fn load(directory: &Path, known: &Self) -> Result<Self> {
        let mut known: BTreeMap<&str, &Arc<Pack>> = known.all.iter().map(|pack| (pack.name.as_str(), pack)).collect();
        let mut loaded = Self::default();
        for file in std::fs::read_dir(directory).map_err(at("list", directory))? {
            let file = file.map_err(at("list", directory))?.file_name();
            let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".idx")) else { continue };
            match known.remove(name).cloned().or_else(|| Pack::open(directory, name).map(Arc::new)) {
                Some(pack) => loaded.all.push(pack),
                None => loaded.broken.push(name.to_owned()),
            }
        }
        loaded.held =
            loaded.all.iter().flat_map(|pack| pack.merged.iter().copied().chain(checksum_of(&pack.name))).collect();
        loaded.all.sort_by_key(|pack| (std::cmp::Reverse(pack.index.num_objects()), pack.name.clone()));
        Ok(loaded)
    }

    /// Every pack, the largest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.all.iter()
    }

    /// Whether the pack with this checksum is there, or another one has all of its objects.
    pub(crate) fn has(&self, checksum: Id) -> bool {
        self.held.contains(&checksum)
    }

    /// Whether the store has this object.
    pub(crate) fn contains(&self, id: Id) -> bool {
        self.all.iter().any(|pack| pack.index.lookup(id.oid()).is_some())
    }
}

/// One thread's way to objects.
pub(crate) struct Reader {
    packs: Arc<Packs>,
    inflate: Inflate,
    bytes: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(packs: Arc<Packs>) -> Self {
        Self { packs, inflate: Inflate::default(), bytes: Vec::new() }
    }

    /// The bytes of an object of this kind.
    pub(crate) fn read(&mut self, id: Id, kind: Kind) -> Result<&[u8]> {
        match (self.any(id)?.0, kind) {
            (gix_object::Kind::Blob, Kind::Blob) | (gix_object::Kind::Tree, Kind::Tree) => Ok(&self.bytes),
            (other, _) => Err(Error::Damaged { id, why: format!("it is a {other}") }),
        }
    }

    /// The bytes of an object and what it is.
    pub(crate) fn any(&mut self, id: Id) -> Result<(gix_object::Kind, &[u8])> {
        let mut found = Err(Error::Missing { id });
        for pack in self.packs.iter() {
            if let Some(place) = pack.index.lookup(id.oid()) {
                found = pack.decode(place, id, &mut self.inflate, &mut self.bytes);
                if found.is_ok() {
                    break;
                }
            }
        }
        Ok((found?, &self.bytes))
    }

    /// How many bytes an object has: no entry of a pack of ours is a difference to another.
    pub(crate) fn size(&self, id: Id) -> Result<u64> {
        let held = self.packs.iter().find_map(|pack| Some((pack, pack.index.lookup(id.oid())?)));
        let (pack, place) = held.ok_or(Error::Missing { id })?;
        let entry = pack.data()?.entry(pack.index.pack_offset_at_index(place));
        Ok(entry.map_err(|error| Error::Damaged { id, why: error.to_string() })?.decompressed_size)
    }

    /// The bytes of a blob, owned.
    pub(crate) fn take(&mut self, id: Id) -> Result<Vec<u8>> {
        self.read(id, Kind::Blob)?;
        Ok(std::mem::take(&mut self.bytes))
    }
}
