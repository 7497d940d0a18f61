//! Disks.

use super::keys::{Keys, Reader, Writer};

/// A file system of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// A path of the host, or the name of a volume in `pool`.
    pub source: Option<String>,
    /// Where it is mounted in the container.
    pub path: Option<String>,
    /// The storage pool of the root or of a volume.
    pub pool: Option<String>,
    /// Its maximum size, as Incus writes sizes.
    pub size: Option<String>,
    /// Whether the container may only read it.
    pub readonly: bool,
    /// Whether ids are shifted.
    pub shift: bool,
    /// All other keys.
    pub other: Keys,
}

impl Disk {
    /// A directory or file of the host, writable.
    #[must_use]
    pub fn of_host(source: &str, path: &str) -> Self {
        Self { source: Some(source.to_owned()), path: Some(path.to_owned()), ..Self::default() }
    }

    /// A storage volume, writable.
    #[must_use]
    pub fn of_volume(pool: &str, volume: &str, path: &str) -> Self {
        Self { pool: Some(pool.to_owned()), ..Self::of_host(volume, path) }
    }

    /// The root of an instance, in a pool.
    #[must_use]
    pub fn root(pool: &str) -> Self {
        Self { pool: Some(pool.to_owned()), path: Some("/".to_owned()), ..Self::default() }
    }

    /// Whether it is the root of the instance.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.path.as_deref() == Some("/")
    }

    /// The path of the host that is mounted, if it is one.
    #[must_use]
    pub fn host_source(&self) -> Option<&str> {
        self.source.as_deref().filter(|source| source.starts_with('/'))
    }

    pub(super) fn read(keys: &mut Reader) -> Self {
        Self {
            source: keys.text("source"),
            path: keys.text("path"),
            pool: keys.text("pool"),
            size: keys.text("size"),
            readonly: keys.switch("readonly"),
            shift: keys.switch("shift"),
            other: keys.rest(),
        }
    }

    pub(super) fn write(self) -> Keys {
        let mut keys = Writer::new("disk", self.other);
        keys.put("source", self.source);
        keys.put("path", self.path);
        keys.put("pool", self.pool);
        keys.put("size", self.size);
        keys.switch("readonly", self.readonly);
        keys.switch("shift", self.shift);
        keys.done()
    }
}
