//! Unpacks what a container sends into a directory of its own: which of its entries are wanted, and where each goes.

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::archive::{Header, Kind, Reader};

use super::entry_path::{self, refused};
use super::meter::Meter;
use super::remark::{LeftOut, Remark};
use super::tree::{Tree, Unpacked};

/// What is read behind the end of an archive: tar fills its last record.
const TAIL: u64 = 1 << 20;

/// Where an archive goes.
pub struct Unpack<'a> {
    tree: Tree,
    /// The name in its directory that the root of the archive gets.
    root: &'a OsStr,
    /// A single file is wanted, or is all that there is: no tree.
    single: bool,
    max_entries: u64,
    /// The only directory of the archive that is wanted, which then is its root.
    below: Option<&'a Path>,
    meter: Arc<Meter>,
}

impl<'a> Unpack<'a> {
    /// `dir` belongs to this pull alone.
    pub fn new(dir: OwnedFd, root: &'a OsStr, single: bool, max_entries: u64, meter: Arc<Meter>) -> Self {
        Self { tree: Tree::below(dir, Arc::clone(&meter)), root, single, max_entries, below: None, meter }
    }

    /// Takes this directory of the archive for its root, and leaves out what is outside it.
    #[must_use]
    pub fn below(mut self, root: &'a str) -> Self {
        self.below = Some(Path::new(root));
        self
    }

    /// Unpacks everything.
    pub fn run(mut self, from: impl Read) -> Result<Unpacked> {
        let mut archive = Reader::new(from);
        let mut entries = 0;
        while let Some(header) = archive.next_entry().map_err(|error| refused(error.to_string()))? {
            entries += 1;
            if entries > self.max_entries {
                return Err(Error::StepFailed {
                    step: "pulling".into(),
                    problem: format!("the container sends more than {} entries", self.max_entries),
                    hint: Some("allow more with --max-entries".into()),
                });
            }
            self.entry(&header, &mut archive)?;
        }
        archive.drain(TAIL).map_err(|error| refused(error.to_string()))?;
        if self.tree.is_empty() {
            return Err(refused("the container sent nothing".into()));
        }
        Ok(self.tree.unpacked())
    }

    fn entry(&mut self, header: &Header, content: &mut impl Read) -> Result<()> {
        let inner = entry_path::parse(&header.path)?;
        let Some(inner) = self.wanted(&inner).map(Path::to_owned) else { return Ok(()) };
        // a tree begins with its root
        self.single |= self.tree.is_empty() && self.below.is_none() && !inner.as_os_str().is_empty();
        let path = self.place(&inner)?;
        if self.single {
            self.meter.expect_bytes(header.size);
        }
        let shown = entry_path::shown(&inner);
        let made = match header.kind {
            Kind::Directory if self.single => return Err(refused("the container sent a directory for a file".into())),
            Kind::Directory => self.tree.directory(path, header),
            Kind::File | Kind::Sparse => self.tree.file(&path, header, content, &shown),
            Kind::Symlink if self.single => return Err(refused("the container sent a link for a file".into())),
            Kind::Symlink if !entry_path::stays_inside(&inner, &header.link) => {
                self.tree.remark(Remark::LeftOut { path: shown, why: LeftOut::LinksOut });
                return Ok(());
            }
            Kind::Symlink => self.tree.symlink(path, header),
            Kind::HardLink => {
                let link = entry_path::parse(&header.link)?;
                let target = self.wanted(&link).ok_or_else(|| refused(format!("{shown} links out of the tree")))?;
                let target = self.place(target)?;
                self.tree.hard_link(&target, path)
            }
            _ if self.single => return Err(refused("it is not a regular file".into())),
            _ => {
                self.tree.remark(Remark::LeftOut { path: shown, why: LeftOut::Special });
                return Ok(());
            }
        };
        made.map_err(|error| refused(format!("cannot write {shown}: {error}")))
    }

    /// The path of an entry below the root that is wanted; `None` outside it.
    fn wanted<'p>(&self, inner: &'p Path) -> Option<&'p Path> {
        self.below.map_or(Some(inner), |below| inner.strip_prefix(below).ok())
    }

    /// Where an entry lies in the directory.
    fn place(&self, inner: &Path) -> Result<PathBuf> {
        let root = Path::new(self.root);
        if self.single {
            if inner.components().count() > 1 || self.tree.holds(root) {
                return Err(refused("the container sent more than one file".into()));
            }
            return Ok(root.to_owned());
        }
        Ok(if inner.as_os_str().is_empty() { root.to_owned() } else { root.join(inner) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cci_guest::archive::{END, encode, padding};

    use super::*;

    /// What is unpacked of these entries, each a directory or a file with its own name in it, by its name.
    fn unpacked(entries: &[(Kind, &str)], check: impl FnOnce(&Path)) -> Result<()> {
        let world = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        for (kind, path) in entries {
            let content = if *kind == Kind::File { path.as_bytes() } else { b"" };
            let size = content.len() as u64;
            archive.extend(encode(&Header { size, mode: 0o755, ..Header::new(*kind, *path) }));
            archive.extend(content);
            archive.extend(padding(size));
        }
        archive.extend(END);
        let dir = fs::File::open(world.path()).unwrap().into();
        let unpack = Unpack::new(dir, OsStr::new("got"), false, 10, Arc::new(Meter::default()));
        unpack.run(archive.as_slice())?;
        check(&world.path().join("got"));
        Ok(())
    }

    #[test]
    fn a_tree_is_a_directory_and_a_file_is_a_file() {
        unpacked(&[(Kind::Directory, "."), (Kind::File, "./f")], |got| assert!(got.join("f").is_file())).unwrap();
        unpacked(&[(Kind::File, "./f")], |got| assert_eq!(fs::read(got).unwrap(), b"./f")).unwrap();
    }

    #[test]
    fn what_begins_as_a_file_does_not_go_on_as_a_tree() {
        for more in [(Kind::File, "./g"), (Kind::Directory, "./d"), (Kind::File, "./f/g")] {
            assert!(unpacked(&[(Kind::File, "./f"), more], |_| {}).is_err(), "{more:?}");
        }
        assert!(unpacked(&[(Kind::File, "./d/f")], |_| {}).is_err());
    }
}
