//! What a session left in its worktree: whether it is as it was made, so that nothing is lost with it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix_object::Kind as Sort;
use gix_zlib::Inflate;
use rustix::fs::{FileType, readlinkat};

use super::checkout::{listed, tree_of};
use super::fault::Result;
use super::ignores::Ignores;
use super::refs;
use super::source::{OWN, Source, file};
use super::sparse::Sparse;
use crate::dir::Dir;
use crate::error::at;
use crate::hash::{Hashing, Kind};
use crate::id::Id;
use crate::meta::Meta;
use crate::restore::refs::in_workspace;

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Left {
    /// Files that are changed, new or gone, counted; those that the commit's own rules ignore do not count.
    pub files: usize,
    /// One of them.
    pub first: Option<PathBuf>,
    /// Commits that no branch brings to the parent: on another branch, on none, or stashed.
    pub elsewhere: bool,
    /// The commit that its branch is at; nothing if it has none any more.
    pub tip: Option<Id>,
}

/// Compares a worktree with the commit that its branch has in the parent. `copied` are the patterns of what was copied into it.
pub fn left(worktree: &impl AsFd, parent: &impl AsFd, branch: &str, base: Id, exclude: &[u8]) -> Result<Left> {
    let top = Dir::root(worktree).map_err(at("open", "the worktree"))?;
    let source = Source::of(parent, OWN)?;
    let mut inflate = Inflate::default();
    let mut left = Left::default();
    if let Ok(git) = top.child(b".git") {
        let git = git.fd().map_err(at("open", "the worktree's repository"))?;
        left.tip = refs::at(&*git, &format!("refs/heads/{branch}"));
        left.elsewhere = is_elsewhere(&*git, branch, &source)?;
    }
    // what is new there is compared with what came to the parent
    let commit = left.tip.filter(|tip| source.has(*tip)).unwrap_or(base);
    let tree = tree_of(&source, commit, &mut inflate)?;
    let mut compare = Compare::new(&source, tree, &mut inflate, exclude)?;
    if let Some(git) = top.child(b".git").ok().and_then(|git| in_workspace(&git, &[b"info", b"sparse-checkout"])) {
        compare.sparse = Some(Sparse::new(&git));
    }
    compare.directory(&top, &[])?;
    compare.gone();
    (left.files, left.first) = (compare.files, compare.first);
    Ok(left)
}

/// Whether something is committed that the branch does not bring.
fn is_elsewhere(git: &impl AsFd, branch: &str, parent: &Source) -> Result<bool> {
    let own = format!("refs/heads/{branch}");
    let lost = |id: &Id| !parent.has(*id);
    let others = refs::all(git)?.into_iter().any(|(name, id)| name != own.as_bytes() && lost(&id));
    let head = refs::at(git, "HEAD");
    Ok(others || head.as_ref().is_some_and(lost) && head != refs::at(git, &own))
}

struct Compare {
    known: HashMap<Vec<u8>, (u32, Id)>,
    directories: HashSet<Vec<u8>>,
    ignores: Ignores,
    sparse: Option<Sparse>,
    files: usize,
    first: Option<PathBuf>,
}

impl Compare {
    fn new(source: &Source, tree: Id, inflate: &mut Inflate, exclude: &[u8]) -> Result<Self> {
        let (mut known, mut directories, mut ignores) = (HashMap::new(), HashSet::new(), Ignores::default());
        ignores.add_own(exclude);
        for entry in listed(source, tree)? {
            let end = entry.path.iter().rposition(|byte| *byte == b'/');
            let (above, name) =
                end.map_or((&b""[..], &*entry.path), |end| (&entry.path[..end], &entry.path[end + 1..]));
            if name == b".gitignore" && entry.mode & 0o170_000 == 0o100_000 {
                ignores.add(above, &source.get(entry.id, Sort::Blob, inflate)?);
            }
            let mut part = above;
            while !part.is_empty() && directories.insert(part.to_vec()) {
                part = part.iter().rposition(|byte| *byte == b'/').map_or(b"", |end| &part[..end]);
            }
            known.insert(entry.path, (entry.mode, entry.id));
        }
        Ok(Self { known, directories, ignores, sparse: None, files: 0, first: None })
    }

    fn directory(&mut self, dir: &Arc<Dir>, above: &[u8]) -> Result<()> {
        let mut below = Vec::new();
        let fd = dir.fd().map_err(at("open", path_of(above)))?;
        for entry in rustix::fs::Dir::read_from(&*fd).map_err(at("list", path_of(above)))? {
            let entry = entry.map_err(at("list", path_of(above)))?;
            let name = entry.file_name().to_bytes().to_vec();
            if name == b"." || name == b".." || (above.is_empty() && name == b".git") {
                continue;
            }
            let path = if above.is_empty() { name.clone() } else { [above, b"/", &name].concat() };
            let meta = Meta::at(&*fd, &name).map_err(at("look at", path_of(&path)))?;
            let is_directory = meta.file_type() == FileType::Directory;
            match self.known.remove(&path) {
                // a submodule that is not there is an empty directory; what is in one cannot be judged here
                Some((0o160_000, _)) if is_directory && is_empty(dir, &name) => {}
                Some((mode, id)) if same(&*fd, &name, &meta, mode, id)? => {}
                None if is_directory && self.directories.contains(&path) => below.push((name, path)),
                None if self.ignores.has(&path, is_directory) => {}
                None if is_directory => below.push((name, path)),
                Some(_) | None => self.note(&path),
            }
        }
        for (name, path) in below {
            let child = dir.child(&name).map_err(at("open", path_of(&path)))?;
            self.directory(&child, &path)?;
            child.rest();
        }
        Ok(())
    }

    /// Counts what is known and was not found.
    fn gone(&mut self) {
        let known = std::mem::take(&mut self.known);
        for (path, _) in known {
            if self.sparse.as_ref().is_none_or(|sparse| sparse.has(&path)) {
                self.note(&path);
            }
        }
    }

    fn note(&mut self, path: &[u8]) {
        self.files += 1;
        let path = path_of(path);
        if self.first.as_ref().is_none_or(|first| path < *first) {
            self.first = Some(path);
        }
    }
}

/// Whether a file is what a commit has.
pub(super) fn same(dir: &impl AsFd, name: &[u8], meta: &Meta, mode: u32, id: Id) -> Result<bool> {
    match (meta.file_type(), mode) {
        (FileType::Symlink, 0o120_000) => {
            let target = readlinkat(dir, name, Vec::new()).map_err(at("read", path_of(name)))?;
            Ok(crate::hash::id_of(Kind::Blob, target.as_bytes())? == id)
        }
        (FileType::RegularFile, 0o100_644 | 0o100_755) => {
            let is_program = meta.mode & 0o100 != 0;
            if is_program != (mode == 0o100_755) {
                return Ok(false);
            }
            let Some(mut opened) = file(dir, name) else { return Ok(false) };
            let (mut hashing, mut left, mut bytes) =
                (Hashing::new(Kind::Blob, meta.size), meta.size, vec![0; 128 << 10]);
            loop {
                let read = opened.read(&mut bytes).map_err(at("read", path_of(name)))?;
                if read == 0 || read as u64 > left {
                    return Ok(read == 0 && left == 0 && hashing.finish()? == id);
                }
                hashing.update(&bytes[..read]);
                left -= read as u64;
            }
        }
        _ => Ok(false),
    }
}

fn is_empty(dir: &Arc<Dir>, name: &[u8]) -> bool {
    let listed = dir.child(name).and_then(|child| Ok(rustix::fs::Dir::read_from(&*child.fd()?)?));
    listed.is_ok_and(|all| {
        all.filter_map(Result::<_, rustix::io::Errno>::ok).all(|one| b"..".starts_with(one.file_name().to_bytes()))
    })
}

fn path_of(bytes: &[u8]) -> PathBuf {
    Path::new(&OsString::from_vec(bytes.to_vec())).to_owned()
}
