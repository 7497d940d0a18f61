//! What can be reached from an object.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::pack::read::Reader;
use crate::tree::{self, Sort};

/// Something that was reached.
pub(crate) enum Reached<'a> {
    /// An object, with its bytes.
    Object(&'a [u8], gix_object::Kind),
    /// The name of a blob, which was not read.
    Name,
    /// An object that the store cannot give.
    Broken(Error),
}

/// Tells `visit` once of each object that the given ones reach. Blobs are read only if `blobs` says so.
pub(crate) fn reach(
    reader: &mut Reader,
    from: impl IntoIterator<Item = Id>,
    blobs: bool,
    visit: &mut dyn FnMut(Id, Reached<'_>),
) -> Result<HashSet<Id>> {
    let mut seen = HashSet::new();
    let mut waiting: Vec<(Id, bool)> = Vec::new();
    for id in from {
        if seen.insert(id) {
            waiting.push((id, true));
        }
        while let Some((id, read)) = waiting.pop() {
            if !read {
                visit(id, Reached::Name);
                continue;
            }
            let (kind, bytes) = match reader.any(id) {
                Ok(found) => found,
                Err(error @ (Error::Missing { .. } | Error::Damaged { .. })) => {
                    visit(id, Reached::Broken(error));
                    continue;
                }
                Err(error) => return Err(error),
            };
            visit(id, Reached::Object(bytes, kind));
            if kind == gix_object::Kind::Tree {
                match tree::decode(bytes, id) {
                    Ok(items) => {
                        let new = items.into_iter().filter(|item| seen.insert(item.id));
                        waiting.extend(new.map(|item| (item.id, blobs || item.sort == Sort::Directory)));
                    }
                    Err(error) => visit(id, Reached::Broken(error)),
                }
            }
        }
    }
    Ok(seen)
}
