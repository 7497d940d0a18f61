//! The objects of a repository, loose and packed, as bytes that anybody can have written: read by descriptors and through no link.
//! From elsewhere it borrows nothing.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gix_zlib::Inflate;
use rustix::fs::{FileType, Mode, OFlags, openat};

use super::delta;
use super::fault::{Fault, Result, refused};
use super::packed::{Entry, Index, Pack, whole};
use crate::dir::DIRECTORY;
use crate::error::at;
use crate::hash::{Kind, id_of};
use crate::id::Id;

/// No object of a session is larger.
pub(super) const STRANGERS: u64 = 512 << 20;
/// No object of a repository of the user's is.
pub(super) const OWN: u64 = 4 << 30;
/// How many differences an object may be made of, as in git.
const DEEPEST: usize = 4095;
/// The largest index of a pack that is read.
const LARGEST_INDEX: u64 = 1 << 30;
/// How much of a loose object is looked at for its kind and size.
const HEAD: usize = 64;

/// An object.
pub(super) struct Object {
    pub(super) kind: gix_object::Kind,
    pub(super) bytes: Vec<u8>,
}

/// Where objects are.
pub(super) struct Source {
    directory: OwnedFd,
    packs: Vec<Pack>,
    largest: u64,
}

impl Source {
    /// The objects of the repository of which this is the directory.
    pub(super) fn of(repository: &impl AsFd, largest: u64) -> Result<Self> {
        let directory = openat(repository, "objects", DIRECTORY, Mode::empty()).map_err(at("open", "objects"))?;
        let mut packs = Vec::new();
        if let Ok(below) = openat(&directory, "pack", DIRECTORY, Mode::empty()) {
            for entry in rustix::fs::Dir::read_from(&below).map_err(at("list", "objects/pack"))? {
                let entry = entry.map_err(at("list", "objects/pack"))?;
                if let Some(stem) = entry.file_name().to_bytes().strip_suffix(b".idx") {
                    packs.extend(pack(&below, stem));
                }
            }
        }
        Ok(Self { directory, packs, largest })
    }

    /// Whether an object is there.
    pub(super) fn has(&self, id: Id) -> bool {
        self.packs.iter().any(|pack| pack.index.find(id).is_some()) || self.loose_file(id).is_some()
    }

    /// An object, as it is there; nothing if it is not.
    pub(super) fn find(&self, id: Id, inflate: &mut Inflate) -> Result<Option<Object>> {
        let damaged = || refused(id, "it is damaged, or too large");
        for pack in &self.packs {
            if let Some(offset) = pack.index.find(id) {
                return self.unpacked(pack, offset, inflate).map(Some).ok_or_else(damaged);
            }
        }
        match self.loose_file(id) {
            Some(file) => self.loose(file, inflate).map(Some).ok_or_else(damaged),
            None => Ok(None),
        }
    }

    /// An object that has to be there, of this kind.
    pub(super) fn get(&self, id: Id, kind: gix_object::Kind, inflate: &mut Inflate) -> Result<Vec<u8>> {
        match self.find(id, inflate)? {
            Some(object) if object.kind == kind => Ok(object.bytes),
            Some(other) => Err(refused(id, format!("it is a {}, not a {kind}", other.kind))),
            None => Err(Fault::Missing { id }),
        }
    }

    /// The same of a stranger: it has to be what its id says.
    pub(super) fn verified(&self, id: Id, kind: gix_object::Kind, inflate: &mut Inflate) -> Result<Vec<u8>> {
        let bytes = self.get(id, kind, inflate)?;
        let own = Kind::of(kind).ok_or_else(|| refused(id, "it is a tag"))?;
        if id_of(own, &bytes)? == id { Ok(bytes) } else { Err(refused(id, "its bytes are others")) }
    }

    fn unpacked(&self, pack: &Pack, offset: u64, inflate: &mut Inflate) -> Option<Object> {
        let (mut at, mut deltas, mut room) = (offset, Vec::new(), self.largest);
        let (kind, mut bytes) = loop {
            let (entry, bytes) = pack.entry(at, room, inflate)?;
            match entry {
                Entry::Whole(kind) => break (kind, bytes),
                Entry::Before(back) => at = at.checked_sub(back)?,
                Entry::To(base) => at = pack.index.find(base)?,
            }
            // together no larger than one object may be: a chain of many would fill the memory
            room = room.checked_sub(bytes.len() as u64)?;
            deltas.push(bytes);
            if deltas.len() > DEEPEST {
                return None;
            }
        };
        for delta in deltas.iter().rev() {
            bytes = delta::apply(&bytes, delta, self.largest)?;
        }
        Some(Object { kind, bytes })
    }

    fn loose_file(&self, id: Id) -> Option<File> {
        let digits = id.to_string();
        let below = openat(&self.directory, &digits[..2], DIRECTORY, Mode::empty()).ok()?;
        file(&below, &digits.as_bytes()[2..])
    }

    fn loose(&self, file: File, inflate: &mut Inflate) -> Option<Object> {
        let most = self.largest.saturating_add(self.largest / 1000 + 256);
        let mut packed = Vec::new();
        file.take(most).read_to_end(&mut packed).ok()?;
        let mut head = [0; HEAD];
        inflate.reset();
        let (_, _, written) = inflate.prefix(&packed, &mut head).ok()?;
        let end = head[..written].iter().position(|byte| *byte == 0)?;
        let (kind, size) = std::str::from_utf8(&head[..end]).ok()?.split_once(' ')?;
        let kind = gix_object::Kind::from_bytes(kind.as_bytes()).ok()?;
        let size = size.parse::<u64>().ok().filter(|size| *size <= self.largest)?;
        let mut bytes = whole(&packed, usize::try_from(size).ok()?.checked_add(end + 1)?, inflate)?;
        Some(Object { kind, bytes: bytes.split_off(end + 1) })
    }
}

fn pack(directory: &OwnedFd, stem: &[u8]) -> Option<Pack> {
    let mut index = Vec::new();
    let opened = file(directory, &[stem, b".idx"].concat())?;
    opened.take(LARGEST_INDEX).read_to_end(&mut index).ok()?;
    Some(Pack::new(Index::new(index)?, file(directory, &[stem, b".pack"].concat())?))
}

/// A file, if it is one.
pub(super) fn file(directory: &impl AsFd, name: &[u8]) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = openat(directory, name, flags, Mode::empty()).ok()?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&opened).ok()?.st_mode);
    (kind == FileType::RegularFile).then(|| File::from(opened))
}

/// A directory whose path has no link in it.
pub(super) fn directory(path: &Path) -> crate::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let how = rustix::fs::ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), how).map_err(at("open", path))
}
