//! A pack comes into being: bytes first, its index last, so that what is named is whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Result, at};
use crate::file_once::write_new;
use crate::hash::Hashing;
use crate::id::Id;
use crate::pack::entry;
use crate::pack::index::{self, Place};

/// How the names of files begin that are not whole yet; git knows them as garbage too.
pub(crate) const UNFINISHED: &str = "tmp_";

/// A pack that is being written.
pub(crate) struct PackFile {
    file: NamedTempFile,
    checksum: Hashing,
    offset: u64,
    directory: PathBuf,
}

impl PackFile {
    /// Begins a pack of exactly `count` objects.
    pub(crate) fn begin(directory: &Path, count: u32) -> Result<Self> {
        let file = unfinished(directory)?;
        let mut pack = Self { file, checksum: Hashing::plain(), offset: 0, directory: directory.to_owned() };
        pack.append(&entry::pack_header(count))?;
        Ok(pack)
    }

    /// Where the next bytes go.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes further bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.checksum.update(bytes);
        self.offset += bytes.len() as u64;
        self.file.write_all(bytes).map_err(at("write a pack in", &self.directory))
    }

    /// Ends the pack, which appears under the name that this returns.
    pub(crate) fn finish(mut self, places: Vec<Place>) -> Result<String> {
        let checksum = self.checksum.finish()?;
        self.file.write_all(checksum.bytes()).map_err(at("write a pack in", &self.directory))?;
        let name = format!("pack-{checksum}");
        let mut index = unfinished(&self.directory)?;
        let encoded = index::encode(places, checksum)?;
        index.write_all(&encoded).map_err(at("write the index of a pack in", &self.directory))?;
        let path = self.directory.join(&name);
        keep(self.file, &path.with_extension("pack"))?;
        keep(index, &path.with_extension("idx"))?;
        Ok(name)
    }
}

/// A file that vanishes unless it is kept.
fn unfinished(directory: &Path) -> Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory).map_err(at("make a file in", directory))
}

/// Gives a file its name.
fn keep(file: NamedTempFile, path: &Path) -> Result<()> {
    file.persist(path).map_err(|failed| at("name", path)(failed.error))?;
    Ok(())
}

/// A pack whose bytes are all in memory; its first bytes are left for the header.
pub(crate) fn write_whole(directory: &Path, mut bytes: Vec<u8>, places: Vec<Place>) -> Result<String> {
    let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
    let mut pack = PackFile::begin(directory, count)?;
    let body = bytes.split_off(HEADER);
    pack.append(&body)?;
    pack.finish(places)
}

/// How many bytes a pack has before its first object.
pub(crate) const HEADER: usize = 12;

/// Notes beside a pack that it has all the objects of others.
pub(crate) fn note_merged<'a>(directory: &Path, name: &str, others: impl Iterator<Item = &'a Id>) -> Result<()> {
    let bytes: Vec<u8> = others.flat_map(|id| id.bytes().to_vec()).collect();
    write_new(&directory.join(name).with_extension("merged"), &bytes)
}

/// Removes a pack: its index first, so that nothing names what is gone.
pub(crate) fn remove(directory: &Path, name: &str) -> Result<()> {
    for extension in ["idx", "pack", "merged"] {
        let path = directory.join(name).with_extension(extension);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at("remove", path)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// The checksum in a pack's name.
pub(crate) fn checksum_of(name: &str) -> Option<Id> {
    name.strip_prefix("pack-")?.parse().ok()
}
