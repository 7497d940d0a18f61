//! Removes what nobody keeps: packs of which little is kept are written anew without the rest.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Result, at};
use crate::id::Id;
use crate::pack::file::{self, UNFINISHED};
use crate::pack::merge::{merge, objects};
use crate::pack::read::Pack;
use crate::reach::reach;
use crate::store::Store;

/// A pack is written anew when one part in so many of it is not kept.
const WORTH: u64 = 5;

/// What a prune removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Objects that were kept by nobody.
    pub objects: u64,
    /// Bytes of the disk.
    pub bytes: u64,
}

impl Store {
    /// Removes what the given objects do not reach, and what interrupted writers left. A pack with little to remove stays as it is for
    /// now. Nobody else may write meanwhile.
    pub fn prune(&self, keep: impl IntoIterator<Item = Id>) -> Result<Freed> {
        let before = self.size()?;
        for name in &self.packs().broken {
            file::remove(&self.pack_directory(), name)?;
        }
        self.sweep()?;
        self.reload()?;
        let kept = reach(&mut self.reader(), keep, false, &mut |_, _| {})?;
        let mut freed = Freed::default();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for pack in self.packs().iter() {
            let Some(gone) = worth_it(pack, &kept)? else { continue };
            freed.objects += gone;
            new.extend(merge(&self.pack_directory(), std::slice::from_ref(pack), &self.packs(), &|id| {
                kept.contains(&id)
            })?);
            old.push(Arc::clone(pack));
        }
        self.replace(&old, new)?;
        freed.bytes = before.saturating_sub(self.size()?);
        Ok(freed)
    }

    /// Removes what interrupted writers left: unfinished files, and packs without an index. Nobody else may write meanwhile.
    pub fn sweep(&self) -> Result<()> {
        let (directory, mut left) = (self.pack_directory(), false);
        for entry in std::fs::read_dir(&directory).map_err(at("list", &directory))? {
            let path = entry.map_err(at("list", &directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let lone = !path.with_extension("idx").exists();
            if name.starts_with(UNFINISHED) || lone {
                std::fs::remove_file(&path).map_err(at("remove", &path))?;
                left = true;
            }
        }
        if left { self.reload() } else { Ok(()) }
    }
}

/// How many objects of a pack nobody keeps, if it pays to be rid of them.
fn worth_it(pack: &Pack, kept: &HashSet<Id>) -> Result<Option<u64>> {
    let (mut count, mut bytes, mut all) = (0, 0, 0);
    for object in objects(pack)? {
        let size = object.end - object.start;
        all += size;
        if !kept.contains(&object.id) {
            count += 1;
            bytes += size;
        }
    }
    Ok((count > 0 && bytes * WORTH >= all).then_some(count))
}
