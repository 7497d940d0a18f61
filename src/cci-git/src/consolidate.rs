//! Many small packs become few larger ones, so that a store of many captures is as quick to search as one of few.

use std::sync::Arc;

use crate::error::Result;
use crate::pack::file::{self, checksum_of};
use crate::pack::merge::merge;
use crate::pack::read::Pack;
use crate::store::Store;

/// Packs up to a size are merged when there are as many of them; so each byte is copied few times in its life.
const TIERS: [(u64, usize); 2] = [(4 << 20, 24), (96 << 20, 8)];

impl Store {
    /// Merges small packs if there are many. It takes a moment only when there are; call it when nobody waits.
    pub fn consolidate(&self) -> Result<()> {
        for (limit, many) in TIERS {
            let packs = self.packs();
            let small: Vec<Arc<Pack>> = packs.iter().filter(|pack| pack.size() <= limit).cloned().collect();
            if small.len() >= many {
                self.merge(&small)?;
            }
        }
        Ok(())
    }

    /// Merges these packs into one, which is safe on the disk before they go.
    fn merge(&self, packs: &[Arc<Pack>]) -> Result<()> {
        let directory = self.pack_directory();
        let Some(name) = merge(&directory, packs, &self.packs(), &|_| true)? else { return Ok(()) };
        let names: Vec<_> = packs.iter().filter_map(|pack| checksum_of(&pack.name)).collect();
        let all = packs.iter().flat_map(|pack| &pack.merged).chain(&names);
        file::note_merged(&directory, &name, all)?;
        self.replace(packs, [name])
    }

    /// Takes new packs into the store and removes those that they replace.
    pub(crate) fn replace(&self, old: &[Arc<Pack>], new: impl IntoIterator<Item = String>) -> Result<()> {
        let new: Vec<String> = new.into_iter().collect();
        self.flush_later(new.iter().cloned());
        self.sync()?;
        for pack in old.iter().filter(|pack| !new.contains(&pack.name)) {
            file::remove(&self.pack_directory(), &pack.name)?;
        }
        self.reload()
    }
}
