//! The refs of a repository, read as files.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::Arc;

use gix_zlib::Inflate;
use rustix::fs::FileType;

use super::fault::{Fault, Result, refused};
use super::source::{OWN, Source};
use crate::dir::Dir;
use crate::error::at as failed;
use crate::id::Id;
use crate::restore::refs::{in_workspace, value};

/// How deep refs may lie.
const DEEPEST: usize = 16;

/// The object that a ref such as `refs/heads/main` is at, as digits.
pub fn at(repository: &impl AsFd, name: &str) -> Option<Id> {
    let top = Dir::root(repository).ok()?;
    let digits = value(name.as_bytes(), &[], &mut |path| in_workspace(&top, path))?;
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The commit that a word such as a branch, a tag or an id means; `head` is what `HEAD` means.
pub fn resolve(repository: &impl AsFd, word: &str, head: Option<Id>) -> Result<Option<Id>> {
    let found = match word {
        "HEAD" => head,
        _ => word.parse().ok().or_else(|| {
            let places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
            places
                .iter()
                .map(|place| format!("{place}{word}"))
                .filter(|name| name.starts_with("refs/"))
                .find_map(|name| at(repository, &name))
        }),
    };
    let Some(mut id) = found else { return Ok(None) };
    let (source, mut inflate) = (Source::of(repository, OWN)?, Inflate::default());
    loop {
        let object = source.find(id, &mut inflate)?.ok_or(Fault::Missing { id })?;
        match object.kind {
            gix_object::Kind::Commit => return Ok(Some(id)),
            gix_object::Kind::Tag => id = tagged(&object.bytes).ok_or_else(|| refused(id, "it is no tag"))?,
            other => return Err(refused(id, format!("it is a {other}, not a commit"))),
        }
    }
}

fn tagged(tag: &[u8]) -> Option<Id> {
    let line = tag.split(|byte| *byte == b'\n').next()?.strip_prefix(b"object ")?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// All refs with the objects that they are at; those that name another one are left out.
pub(super) fn all(repository: &impl AsFd) -> Result<BTreeMap<Vec<u8>, Id>> {
    let top = Dir::root(repository).map_err(failed("open", "the repository"))?;
    let mut all = BTreeMap::new();
    for line in in_workspace(&top, &[b"packed-refs"]).unwrap_or_default().split(|byte| *byte == b'\n') {
        if let Some((id, name)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '))
            && let Ok(id) = id.parse()
            && name.starts_with("refs/")
        {
            all.insert(name.as_bytes().to_vec(), id);
        }
    }
    if let Ok(refs) = top.child(b"refs") {
        loose(&refs, b"refs", 0, &mut all)?;
    }
    Ok(all)
}

fn loose(dir: &Arc<Dir>, path: &[u8], depth: usize, all: &mut BTreeMap<Vec<u8>, Id>) -> Result<()> {
    if depth > DEEPEST {
        return Ok(());
    }
    let fd = dir.fd().map_err(failed("open", "refs"))?;
    for entry in rustix::fs::Dir::read_from(&*fd).map_err(failed("list", "refs"))? {
        let entry = entry.map_err(failed("list", "refs"))?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let path = [path, b"/", name].concat();
        match entry.file_type() {
            FileType::Directory => {
                if let Ok(below) = dir.child(name) {
                    loose(&below, &path, depth + 1, all)?;
                }
            }
            FileType::RegularFile => {
                let text = in_workspace(dir, &[name]).unwrap_or_default();
                if let Some(id) = std::str::from_utf8(text.trim_ascii()).ok().and_then(|id| id.parse().ok()) {
                    all.insert(path, id);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
