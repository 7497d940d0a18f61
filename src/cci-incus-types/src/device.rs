//! Devices of instances and profiles. Incus has them as maps of strings: a map is parsed on input and rendered on
//! output, here and nowhere else.

mod disk;
mod keys;
mod nic;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use disk::Disk;
pub use keys::Keys;
use keys::{Reader, TYPE};
pub use nic::Nic;

/// Devices by name.
pub type Devices = BTreeMap<String, Device>;

/// One device. No key is lost between a map and a device, in either direction.
///
/// ```
/// use cci_incus_types::{Device, Disk};
///
/// let text = r#"{"type": "disk", "path": "/", "pool": "default", "io.cache": "writeback"}"#;
/// let device: Device = serde_json::from_str(text)?;
/// let root = device.as_disk().filter(|disk| disk.is_root());
/// assert_eq!(root.and_then(|disk| disk.pool.as_deref()), Some("default"));
///
/// let workspace = Device::from(Disk::of_host("/home/u/project", "/workspace"));
/// let wire = serde_json::json!({"type": "disk", "source": "/home/u/project", "path": "/workspace"});
/// assert_eq!(serde_json::to_value(workspace)?, wire);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Keys", into = "Keys")]
pub enum Device {
    /// A file system: the root, a directory of the host, a volume.
    Disk(Disk),
    /// A network interface.
    Nic(Nic),
    /// Removes the device of this name of a profile; with the keys that it has anyway.
    None(Keys),
    /// Any other type, unchanged.
    Other(Keys),
}

impl Device {
    /// Removes the device of the same name of a profile.
    #[must_use]
    pub fn none() -> Self {
        Self::None(Keys::new())
    }

    /// The device as a disk.
    #[must_use]
    pub fn as_disk(&self) -> Option<&Disk> {
        if let Self::Disk(disk) = self { Some(disk) } else { None }
    }

    /// The device as a network interface.
    #[must_use]
    pub fn as_nic(&self) -> Option<&Nic> {
        if let Self::Nic(nic) = self { Some(nic) } else { None }
    }

    /// Its path in the container, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Disk(disk) => disk.path.as_deref(),
            Self::Nic(_) | Self::None(_) => None,
            Self::Other(keys) => keys.get("path").map(String::as_str),
        }
    }
}

impl From<Keys> for Device {
    fn from(mut keys: Keys) -> Self {
        match keys.get(TYPE).map(String::as_str) {
            Some("disk") => Self::Disk(Disk::read(&mut Reader::new(keys))),
            Some("nic") => Self::Nic(Nic::read(&mut Reader::new(keys))),
            Some("none") => {
                keys.remove(TYPE);
                Self::None(keys)
            }
            _ => Self::Other(keys),
        }
    }
}

impl From<Device> for Keys {
    fn from(device: Device) -> Self {
        match device {
            Device::Disk(disk) => disk.write(),
            Device::Nic(nic) => nic.write(),
            Device::None(mut keys) => {
                keys.insert(TYPE.to_owned(), "none".to_owned());
                keys
            }
            Device::Other(keys) => keys,
        }
    }
}

impl From<Disk> for Device {
    fn from(disk: Disk) -> Self {
        Self::Disk(disk)
    }
}

impl From<Nic> for Device {
    fn from(nic: Nic) -> Self {
        Self::Nic(nic)
    }
}

/// The disks among devices, with their names.
pub fn disks(devices: &Devices) -> impl Iterator<Item = (&str, &Disk)> {
    devices.iter().filter_map(|(name, device)| Some((name.as_str(), device.as_disk()?)))
}

/// The network interfaces among devices, with their names.
pub fn nics(devices: &Devices) -> impl Iterator<Item = (&str, &Nic)> {
    devices.iter().filter_map(|(name, device)| Some((name.as_str(), device.as_nic()?)))
}

/// The root disk among devices.
#[must_use]
pub fn root_disk(devices: &Devices) -> Option<&Disk> {
    disks(devices).map(|(_, disk)| disk).find(|disk| disk.is_root())
}

#[cfg(test)]
mod tests;
