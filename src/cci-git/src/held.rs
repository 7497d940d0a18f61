//! What a snapshot holds of one directory.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::hash::Kind;
use crate::id::{Id, Snapshot};
use crate::meta::Time;
use crate::not_held::Why;
use crate::pack::read::Reader;
use crate::stat::{self, CHILD, IGNORED, Note, RECORDS};
use crate::tree::{self, Sort};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    /// A file or a link with these bytes.
    Content(Id),
    /// A directory, which has a pair of ids as the whole has one.
    Directory(Snapshot),
}

/// One name that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) name: Vec<u8>,
    /// Kind and permissions.
    pub(crate) mode: u32,
    pub(crate) mtime: Time,
    pub(crate) thing: Thing,
}

/// A directory of a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    /// What is held, in the order of the names' bytes.
    pub(crate) held: Vec<Held>,
    /// What is not held, in the same order.
    pub(crate) not_held: Vec<(Vec<u8>, Why)>,
    /// Of the topmost directory: its own mode and time.
    pub(crate) own: Option<(u32, Time)>,
    /// Of the topmost directory: the patterns that were ignored.
    pub(crate) ignored: Vec<String>,
}

impl Directory {
    /// Reads a directory of a snapshot.
    pub(crate) fn read(reader: &mut Reader, ids: Snapshot) -> Result<Self> {
        let names = reader.read(ids.tree, Kind::Tree)?.to_vec();
        let names: HashMap<&[u8], (Sort, Id)> =
            tree::decode(&names, ids.tree)?.into_iter().map(|item| (item.name, (item.sort, item.id))).collect();
        let stats = reader.read(ids.stat, Kind::Tree)?.to_vec();
        let stats: HashMap<&[u8], Id> =
            tree::decode(&stats, ids.stat)?.into_iter().map(|item| (item.name, item.id)).collect();
        let damaged = |why: &str| Error::Damaged { id: ids.stat, why: why.to_owned() };
        let records = *stats.get(RECORDS).ok_or_else(|| damaged("it has no records"))?;

        let mut directory = Self::default();
        if let Some(patterns) = stats.get(IGNORED) {
            let patterns =
                String::from_utf8(reader.take(*patterns)?).map_err(|_| damaged("its patterns are no text"))?;
            directory.ignored = patterns.split('\n').map(str::to_owned).collect();
        }
        for record in stat::decode(reader.read(records, Kind::Blob)?, records)? {
            let (mode, mtime) = match record.note {
                Note::Not(why) => {
                    directory.not_held.push((record.name.to_vec(), why));
                    continue;
                }
                Note::Held { mode, mtime } => (mode, mtime),
            };
            if record.name.is_empty() {
                directory.own = Some((mode, mtime));
                continue;
            }
            let (sort, id) = *names.get(record.name).ok_or_else(|| damaged("the tree lacks one of its names"))?;
            let thing = if sort == Sort::Directory {
                let stat =
                    stats.get(&*[&[CHILD], record.name].concat()).ok_or_else(|| damaged("it lacks a directory"))?;
                Thing::Directory(Snapshot { tree: id, stat: *stat })
            } else {
                Thing::Content(id)
            };
            directory.held.push(Held { name: record.name.to_vec(), mode, mtime, thing });
        }
        Ok(directory)
    }

    /// What is held under a name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Held> {
        self.held.binary_search_by(|held| held.name.as_slice().cmp(name)).ok().map(|at| &self.held[at])
    }

    /// Whether a name is noted as not held.
    pub(crate) fn leaves_out(&self, name: &[u8]) -> bool {
        self.not_held.binary_search_by(|(other, _)| other.as_slice().cmp(name)).is_ok()
    }
}
