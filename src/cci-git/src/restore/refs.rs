//! What the refs of a repository say, in a workspace and in a snapshot: read as files, as bytes that an agent wrote.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, openat};

use crate::dir::Dir;
use crate::held::{Directory, Thing};
use crate::id::Snapshot;
use crate::meta::Meta;
use crate::pack::read::Reader;

/// Larger files are no refs.
const LARGEST: u64 = 64 << 20;

/// How often a ref may name another one.
const HOPS: usize = 5;

/// Gives the bytes of a file by its path in a repository.
pub(crate) type Files<'a> = &'a mut dyn FnMut(&[&[u8]]) -> Option<Vec<u8>>;

/// What a ref names, as the digits of an object's id. `file` gives the bytes of a file by its path in the repository, and `place` is
/// where a linked worktree has its own refs.
pub(crate) fn value(name: &[u8], place: &[&[u8]], file: Files<'_>) -> Option<Vec<u8>> {
    let mut name = name.to_vec();
    for _ in 0..HOPS {
        let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
        if parts.iter().any(|part| part.is_empty() || *part == b"." || *part == b"..") {
            return None;
        }
        let own = if place.is_empty() { None } else { file(&[place, &parts].concat()) };
        let Some(content) = own.or_else(|| file(&parts)) else {
            return packed(&name, &file(&[b"packed-refs"])?);
        };
        let content = content.trim_ascii_end();
        match content.strip_prefix(b"ref:") {
            Some(other) => name = other.trim_ascii().to_vec(),
            None => return is_id(content).then(|| content.to_vec()),
        }
    }
    None
}

/// The value of a ref in the file of packed ones.
fn packed(name: &[u8], refs: &[u8]) -> Option<Vec<u8>> {
    refs.split(|byte| *byte == b'\n').find_map(|line| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let (id, other) = (&line[..space], &line[space + 1..]);
        (other == name && is_id(id)).then(|| id.to_vec())
    })
}

/// Whether this is an id in digits, of either hash.
pub(crate) fn is_id(text: &[u8]) -> bool {
    matches!(text.len(), 40 | 64) && text.iter().all(u8::is_ascii_hexdigit)
}

/// The bytes of a file below a directory of the workspace.
pub(crate) fn in_workspace(top: &Arc<Dir>, path: &[&[u8]]) -> Option<Vec<u8>> {
    let (name, above) = path.split_last()?;
    let mut dir = top.clone();
    for part in above {
        dir = dir.child(part).ok()?;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = openat(&*dir.fd().ok()?, *name, flags, Mode::empty()).ok()?;
    let meta = Meta::open(&opened).ok()?;
    if meta.file_type() != FileType::RegularFile || meta.size > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    File::from(opened).take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The bytes of a file below a directory of a snapshot.
pub(crate) fn in_snapshot(reader: &mut Reader, top: Snapshot, path: &[&[u8]]) -> Option<Vec<u8>> {
    let (name, above) = path.split_last()?;
    let mut ids = top;
    for part in above {
        match Directory::read(reader, ids).ok()?.find(part)?.thing {
            Thing::Directory(below) => ids = below,
            Thing::Content(_) => return None,
        }
    }
    match Directory::read(reader, ids).ok()?.find(name)?.thing {
        Thing::Content(id) => reader.take(id).ok(),
        Thing::Directory(_) => None,
    }
}
