//! A look at the names in a directory: what each is, and whether the cache knows its content.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use crate::cache::Cached;
use crate::dir::Dir;
use crate::id::Id;
use crate::meta::Meta;
use crate::not_held::{Special, Why};
use crate::scan::how::How;
use crate::scan::listing::{Entry, What};

/// What a look at a directory found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) children: Vec<Child>,
    /// Positions of files that must be read.
    pub(crate) unread: Vec<usize>,
    /// What an interrupted restore left.
    pub(crate) leftovers: Vec<Box<[u8]>>,
}

/// A directory in a directory.
pub(crate) struct Child {
    /// Its position among the names.
    pub(crate) position: usize,
    /// Its number in the cache.
    pub(crate) cached: Option<usize>,
    /// Whether it is where a repository of git has its objects.
    pub(crate) objects: bool,
}

/// Looks at each of `names` in a directory that has the number `cached` in the cache.
pub(crate) fn look(
    how: &How<'_>,
    device: (u32, u32),
    cached: Option<usize>,
    dir: &Dir,
    fd: &OwnedFd,
    names: Vec<Box<[u8]>>,
) -> Found {
    let mut found = Found::default();
    let known = how.cache.zip(cached).map(|(cache, number)| cache.entries(number));
    let mut known = known.into_iter().flatten().peekable();
    let above = (!how.ignored.is_empty()).then(|| dir.path());
    for name in names {
        if how.temporary.is_ours(&name) {
            found.leftovers.push(name);
            continue;
        }
        let meta = match Meta::at(fd, &name) {
            Ok(meta) => meta,
            Err(Errno::NOENT) => continue,
            // a directory that may be listed but not entered
            Err(_) => {
                found.entries.push(Entry { name, meta: Meta::default(), what: What::Not(Why::Unreadable) });
                continue;
            }
        };
        if above.as_ref().is_some_and(|above| is_ignored(how, above, &name, &meta)) {
            continue;
        }
        while known.next_if(|entry| entry.name() < &*name).is_some() {}
        let cached = known.next_if(|entry| entry.name() == &*name);
        let what = judge(how, device, &meta, cached.as_ref().and_then(|entry| entry.content_of(&meta)));
        let position = found.entries.len();
        match what {
            What::Open => found.unread.push(position),
            What::Directory(_) => {
                let cached = cached.and_then(|entry| match entry.what() {
                    Cached::Directory(number) => Some(number),
                    _ => None,
                });
                let objects = &*dir.name == b".git" && &*name == b"objects";
                found.children.push(Child { position, cached, objects });
            }
            What::Not(_) | What::Content(_) => {}
        }
        found.entries.push(Entry { name, meta, what });
    }
    found
}

/// What a name stands for, as far as a look at it tells; a directory has no number yet.
fn judge(how: &How<'_>, device: (u32, u32), meta: &Meta, cached: Option<Id>) -> What {
    match meta.file_type() {
        _ if meta.dev != device || meta.mount => What::Not(Why::Mount),
        FileType::Directory => What::Directory(0),
        FileType::RegularFile if meta.size > how.max_file => What::Not(Why::TooLarge),
        FileType::RegularFile | FileType::Symlink => cached.map_or(What::Open, What::Content),
        FileType::Fifo => What::Not(Why::Special(Special::Fifo)),
        FileType::Socket => What::Not(Why::Special(Special::Socket)),
        _ => What::Not(Why::Special(Special::Device)),
    }
}

fn is_ignored(how: &How<'_>, above: &[u8], name: &[u8], meta: &Meta) -> bool {
    let path = if above.is_empty() { name.to_vec() } else { [above, name].join(&b'/') };
    how.ignored.matches(&path, meta.is_directory())
}

/// The names in a directory, in the order of their bytes.
pub(crate) fn names(fd: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> io::Result<Vec<Box<[u8]>>> {
    let mut listed = RawDir::new(fd, buffer);
    let mut names = Vec::new();
    while let Some(entry) = listed.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.into());
        }
    }
    names.sort_unstable();
    Ok(names)
}
