//! What a copy costs in a storage pool.

use std::collections::BTreeMap;

/// How a storage pool copies a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// At once: only what changes afterwards takes room.
    CopyOnWrite,
    /// In full, file by file or block by block.
    Full,
}

impl Pool {
    /// What a pool with this driver and configuration does; one that is not known is expected to copy in full.
    ///
    /// ```
    /// use cci_core::checkpoint::Pool;
    ///
    /// assert_eq!(Pool::of("btrfs", &[].into()), Pool::CopyOnWrite);
    /// assert_eq!(Pool::of("dir", &[].into()), Pool::Full);
    /// let thick = [("lvm.use_thinpool".to_owned(), "false".to_owned())].into();
    /// assert_eq!(Pool::of("lvm", &thick), Pool::Full);
    /// ```
    #[must_use]
    pub fn of(driver: &str, config: &BTreeMap<String, String>) -> Self {
        let is_off = |key: &str| config.get(key).is_some_and(|value| ["false", "no", "off", "0"].contains(&&**value));
        match driver {
            "btrfs" => Self::CopyOnWrite,
            "zfs" if !is_off("zfs.clone_copy") => Self::CopyOnWrite,
            "ceph" if !is_off("ceph.rbd.clone_copy") => Self::CopyOnWrite,
            "lvm" if !is_off("lvm.use_thinpool") => Self::CopyOnWrite,
            _ => Self::Full,
        }
    }
}
