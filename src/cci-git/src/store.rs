//! The store: a bare repository of our own, which git can read and nobody else writes.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::error::{Result, at};
use crate::file_once::write_new;
use crate::hash::Kind;
use crate::id::Id;
use crate::pack::deflate::{Deflate, Squeeze};
use crate::pack::read::{Packs, Reader};
use crate::pack::write::{Packer, Sink as _};
use crate::temporary::Temporary;

/// What makes a directory a repository for git, and keeps git from throwing away what no ref names.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
                      [gc]\n\tauto = 0\n\tpruneExpire = never\n[maintenance]\n\tauto = false\n";

/// A store of contents and of the trees that name them.
///
/// Who writes must keep other writers out; the store has no lock of its own.
pub struct Store {
    directory: PathBuf,
    packs: RwLock<Arc<Packs>>,
    unsynced: Mutex<Vec<String>>,
    pub(crate) temporary: Temporary,
}

impl Store {
    /// Opens the store in `directory`, and makes it first if there is none.
    pub fn open(directory: &Path) -> Result<Self> {
        make(directory)?;
        let temporary = Temporary::of(&directory.join("secret"))?;
        let store =
            Self { directory: directory.to_owned(), packs: RwLock::default(), unsynced: Mutex::default(), temporary };
        store.reload()?;
        Ok(store)
    }

    /// The bytes of a blob.
    pub fn read(&self, id: Id) -> Result<Vec<u8>> {
        self.reader().take(id)
    }

    /// How many bytes an object has.
    pub fn size_of(&self, id: Id) -> Result<u64> {
        self.reader().size(id)
    }

    /// Whether the store has this object.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.packs().contains(id)
    }

    /// Puts one blob into the store. For many, see [`Store::write_all`].
    pub fn write(&self, bytes: &[u8]) -> Result<Id> {
        let packer = self.packer();
        let id = packer.put(Kind::Blob, bytes, Squeeze::Try, &mut Deflate::new())?;
        self.keep(packer)?;
        Ok(id)
    }

    /// Puts blobs into the store, all of them or, after an error, none.
    pub fn write_all<B: AsRef<[u8]>>(&self, blobs: impl IntoIterator<Item = B>) -> Result<Vec<Id>> {
        let (packer, mut deflate) = (self.packer(), Deflate::new());
        let ids = blobs
            .into_iter()
            .map(|bytes| packer.put(Kind::Blob, bytes.as_ref(), Squeeze::Try, &mut deflate))
            .collect::<Result<_>>()?;
        self.keep(packer)?;
        Ok(ids)
    }

    /// Makes what was written survive a crash of the host. Name objects in a record of your own after this.
    pub fn sync(&self) -> Result<()> {
        let names = std::mem::take(&mut *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        if names.is_empty() {
            return Ok(());
        }
        let directory = self.pack_directory();
        for name in names {
            for extension in ["pack", "idx"] {
                match fs::File::open(directory.join(&name).with_extension(extension)) {
                    Ok(file) => file.sync_data().map_err(at("flush", directory.join(&name)))?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(at("flush", directory.join(&name))(error)),
                }
            }
        }
        fs::File::open(&directory).and_then(|opened| opened.sync_all()).map_err(at("flush", directory))
    }

    /// How many bytes of the disk the store takes.
    pub fn size(&self) -> Result<u64> {
        let mut size = 0;
        for directory in [self.directory.clone(), self.pack_directory()] {
            for file in fs::read_dir(&directory).map_err(at("list", &directory))? {
                let file = file.map_err(at("list", &directory))?;
                size += file.metadata().map_or(0, |found| found.blocks() * 512);
            }
        }
        Ok(size)
    }

    /// Where the packs are.
    pub(crate) fn pack_directory(&self) -> PathBuf {
        self.directory.join("objects/pack")
    }

    /// The packs of now.
    pub(crate) fn packs(&self) -> Arc<Packs> {
        self.packs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A way to objects, for one thread.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.packs())
    }

    /// A way to write objects that the store has not.
    pub(crate) fn packer(&self) -> Packer {
        Packer::new(&self.pack_directory(), self.packs())
    }

    /// Takes what a packer wrote into the store.
    pub(crate) fn keep(&self, packer: Packer) -> Result<()> {
        let names = packer.finish()?;
        if names.is_empty() {
            return Ok(());
        }
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        self.reload()
    }

    /// Looks again which packs there are.
    pub(crate) fn reload(&self) -> Result<()> {
        // listed under the lock: of two writers at once, the one that listed first would forget the other's pack
        let mut packs = self.packs.write().unwrap_or_else(PoisonError::into_inner);
        *packs = Arc::new(Packs::load(&self.pack_directory(), &packs)?);
        Ok(())
    }

    /// Remembers packs that somebody still has to flush.
    pub(crate) fn flush_later(&self, names: impl IntoIterator<Item = String>) {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
    }
}

/// Makes what is missing of a bare repository.
fn make(directory: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for part in ["objects/pack", "objects/info", "refs"] {
        builder.create(directory.join(part)).map_err(at("make", directory.join(part)))?;
    }
    for (name, content) in [("config", CONFIG), ("HEAD", "ref: refs/heads/none\n")] {
        let path = directory.join(name);
        if !path.exists() {
            write_new(&path, content.as_bytes())?;
        }
    }
    Ok(())
}
