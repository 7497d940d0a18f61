//! Brings the objects of a session's commit to the parent.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use gix_zlib::Inflate;
use rustix::fs::{AtFlags, Gid, Mode, Uid, openat};

use super::accept::{self, Named};
use super::fault::Result;
use super::source::{OWN, STRANGERS, Source};
use crate::dir::DIRECTORY;
use crate::error::at;
use crate::hash::Kind;
use crate::id::Id;
use crate::pack::deflate::{Deflate, Squeeze};
use crate::pack::read::Packs;
use crate::pack::write::{Packer, Sink as _};

/// Puts into the repository `to` what it lacks of the commit `tip` in the repository `from`, which anybody can have written; the number
/// of objects that came. All of them come or, after an error, none.
pub fn bring(from: &impl AsFd, to: &impl AsFd, tip: Id) -> Result<usize> {
    let (theirs, own) = (Source::of(from, STRANGERS)?, Source::of(to, OWN)?);
    let objects = openat(to, "objects", DIRECTORY, Mode::empty()).map_err(at("open", "objects"))?;
    let packs = pack_directory(&objects)?;
    // by its descriptor: whoever puts a link there meanwhile leads nowhere
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", packs.as_raw_fd()));
    let packer = Packer::new(&by_descriptor, Arc::new(Packs::default()));
    let (mut inflate, mut deflate) = (Inflate::default(), Deflate::new());
    let mut seen = HashSet::new();
    let mut waiting = vec![Named { id: tip, kind: gix_object::Kind::Commit, modules: false }];
    while let Some(Named { id, kind, modules }) = waiting.pop() {
        if !seen.insert((id, modules)) || (own.has(id) && !modules) {
            continue;
        }
        let there = own.has(id);
        let bytes = if there { own.get(id, kind, &mut inflate)? } else { theirs.verified(id, kind, &mut inflate)? };
        if modules {
            accept::modules(id, &bytes)?;
        }
        if there {
            continue;
        }
        match kind {
            gix_object::Kind::Commit => waiting.extend(accept::commit(id, &bytes)?),
            gix_object::Kind::Tree => waiting.extend(accept::tree(id, &bytes)?),
            _ => {}
        }
        let own_kind = Kind::of(kind).unwrap_or(Kind::Blob);
        packer.put(own_kind, &bytes, Squeeze::Try, &mut deflate)?;
    }
    let written = packer.finish()?;
    for name in &written {
        settle(&objects, &packs, name)?;
    }
    Ok(seen.len())
}

fn pack_directory(objects: &OwnedFd) -> Result<OwnedFd> {
    match rustix::fs::mkdirat(objects, "pack", Mode::from_raw_mode(0o755)) {
        Ok(()) => give(objects, objects, "pack")?,
        Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(at("make", "objects/pack")(error).into()),
    }
    Ok(openat(objects, "pack", DIRECTORY, Mode::empty()).map_err(at("open", "objects/pack"))?)
}

/// Makes a pack what git makes of one: for everybody to read, of the owner of the repository, and on the disk before a ref names it.
fn settle(objects: &OwnedFd, packs: &OwnedFd, name: &str) -> Result<()> {
    for extension in ["pack", "idx"] {
        let name = format!("{name}.{extension}");
        give(objects, packs, &name)?;
        let done = openat(packs, &name, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NOFOLLOW, Mode::empty())
            .and_then(|file| rustix::fs::fchmod(&file, Mode::from_raw_mode(0o444)).map(|()| file))
            .and_then(rustix::fs::fsync);
        done.map_err(at("flush", name))?;
    }
    Ok(rustix::fs::fsync(packs).map_err(at("flush", "objects/pack"))?)
}

/// What root makes belongs to the owner of the repository.
fn give(like: &OwnedFd, directory: &OwnedFd, name: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = rustix::fs::fstat(like).map_err(at("look at", "objects"))?;
    let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
    Ok(rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(at("give away", name))?)
}
