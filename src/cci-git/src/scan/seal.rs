//! A directory of which all is known becomes its objects: a tree, the records, and the tree of records.

use crate::cache::{Cache, Cached};
use crate::error::Result;
use crate::hash::Kind;
use crate::id::Id;
use crate::meta::Meta;
use crate::pack::deflate::{Deflate, Squeeze};
use crate::pack::write::Sink;
use crate::scan::listing::{Entry, Ids, What};
use crate::stat::{self, CHILD, IGNORED, Note, RECORDS, Record};
use crate::tree::{self, Item, Sort};

/// What only the topmost directory has.
pub(crate) struct Top<'a> {
    pub(crate) meta: Meta,
    pub(crate) ignored: &'a [String],
}

/// The ids of a directory, taken from the cache if it says the same of everything in it.
pub(crate) fn seal(
    entries: &[Entry],
    children: &dyn Fn(usize) -> Option<Ids>,
    top: Option<&Top<'_>>,
    cached: Option<(&Cache, usize)>,
    sink: &dyn Sink,
    deflate: &mut Deflate,
) -> Result<(Ids, bool)> {
    if top.is_none()
        && let Some((cache, directory)) = cached
        && let Some(ids) = cache.ids(directory)
        && as_cached(entries, children, cache, directory)
    {
        return Ok((ids, true));
    }
    let mut items = Vec::with_capacity(entries.len());
    let mut stats = Vec::new();
    for entry in entries {
        let (sort, id) = match entry.what {
            What::Content(id) => (sort_of(entry.meta.mode), id),
            What::Directory(child) => {
                let Some(ids) = children(child) else { continue };
                stats.push(([&[CHILD], &*entry.name].concat(), ids.stat));
                (Sort::Directory, ids.tree)
            }
            What::Not(_) | What::Open => continue,
        };
        items.push(Item { name: &entry.name, sort, id });
    }
    let tree = sink.put(Kind::Tree, &tree::encode(&mut items), Squeeze::Never, deflate)?;
    let records = sink.put(Kind::Blob, &records(entries, top), Squeeze::Try, deflate)?;
    let stat = stat_tree(&stats, records, top, sink, deflate)?;
    Ok((Ids { tree, stat, records }, false))
}

/// What git calls a file or link with this mode.
pub(crate) fn sort_of(mode: u32) -> Sort {
    match mode & 0o170_000 {
        0o120_000 => Sort::Link,
        0o040_000 => Sort::Directory,
        _ if mode & 0o100 != 0 => Sort::Program,
        _ => Sort::File,
    }
}

/// The bytes of a directory's records.
fn records(entries: &[Entry], top: Option<&Top<'_>>) -> Vec<u8> {
    let held = |meta: &Meta| Note::Held { mode: meta.mode, mtime: meta.mtime };
    let own = top.map(|top| Record { name: b"", note: held(&top.meta) });
    let names = entries.iter().filter_map(|entry| match entry.what {
        What::Open => None,
        What::Not(why) => Some(Record { name: &entry.name, note: Note::Not(why) }),
        What::Content(_) | What::Directory(_) => Some(Record { name: &entry.name, note: held(&entry.meta) }),
    });
    stat::encode(own.into_iter().chain(names))
}

/// The tree that has the records and the trees of the directories below.
fn stat_tree(
    children: &[(Vec<u8>, Id)],
    records: Id,
    top: Option<&Top<'_>>,
    sink: &dyn Sink,
    deflate: &mut Deflate,
) -> Result<Id> {
    let child = |(name, id): &(Vec<u8>, Id)| (name.clone(), Sort::Directory, *id);
    let mut all: Vec<(Vec<u8>, Sort, Id)> = children.iter().map(child).collect();
    all.push((RECORDS.to_vec(), Sort::File, records));
    if let Some(top) = top.filter(|top| !top.ignored.is_empty()) {
        let patterns = sink.put(Kind::Blob, top.ignored.join("\n").as_bytes(), Squeeze::Try, deflate)?;
        all.push((IGNORED.to_vec(), Sort::File, patterns));
    }
    let mut items: Vec<Item<'_>> = all.iter().map(|(name, sort, id)| Item { name, sort: *sort, id: *id }).collect();
    sink.put(Kind::Tree, &tree::encode(&mut items), Squeeze::Never, deflate)
}

/// Whether the cache would make the same objects.
fn as_cached(entries: &[Entry], children: &dyn Fn(usize) -> Option<Ids>, cache: &Cache, directory: usize) -> bool {
    let mut known = cache.entries(directory);
    known.len() == entries.len()
        && known.by_ref().zip(entries).all(|(known, entry)| {
            known.name() == &*entry.name
                && match (known.what(), entry.what) {
                    (Cached::Content(id), What::Content(now)) => id == now && known.same_record(&entry.meta),
                    (Cached::Directory(child), What::Directory(now)) => {
                        known.same_record(&entry.meta)
                            && cache.ids(child).is_some()
                            && cache.ids(child) == children(now)
                    }
                    (Cached::Not(why), What::Not(now)) => why == now,
                    _ => false,
                }
        })
}
