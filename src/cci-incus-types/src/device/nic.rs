//! Network interfaces.

use std::net::Ipv4Addr;

use super::keys::{Keys, Reader, Writer};

/// A network interface of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its name in the container.
    pub name: Option<String>,
    /// The managed network that it is on.
    pub network: Option<String>,
    /// The interface of the host that it is on, if it is not on a managed network.
    pub parent: Option<String>,
    /// Its fixed address.
    pub ipv4_address: Option<Ipv4Addr>,
    /// Whether it is isolated from the containers next to it.
    pub port_isolation: bool,
    /// Whether it can only send from its own hardware address.
    pub mac_filtering: bool,
    /// Whether it can only send from its own address.
    pub ipv4_filtering: bool,
    /// All other keys.
    pub other: Keys,
}

impl Nic {
    /// A NIC on a managed network.
    #[must_use]
    pub fn on(network: &str, name: &str) -> Self {
        Self { name: Some(name.to_owned()), network: Some(network.to_owned()), ..Self::default() }
    }

    /// The network or the interface of the host that it is on.
    #[must_use]
    pub fn network_or_parent(&self) -> Option<&str> {
        self.network.as_deref().or(self.parent.as_deref())
    }

    pub(super) fn read(keys: &mut Reader) -> Self {
        Self {
            name: keys.text("name"),
            network: keys.text("network"),
            parent: keys.text("parent"),
            ipv4_address: keys.parsed("ipv4.address"),
            port_isolation: keys.switch("security.port_isolation"),
            mac_filtering: keys.switch("security.mac_filtering"),
            ipv4_filtering: keys.switch("security.ipv4_filtering"),
            other: keys.rest(),
        }
    }

    pub(super) fn write(self) -> Keys {
        let mut keys = Writer::new("nic", self.other);
        keys.put("name", self.name);
        keys.put("network", self.network);
        keys.put("parent", self.parent);
        keys.put("ipv4.address", self.ipv4_address.map(|address| address.to_string()));
        keys.switch("security.port_isolation", self.port_isolation);
        keys.switch("security.mac_filtering", self.mac_filtering);
        keys.switch("security.ipv4_filtering", self.ipv4_filtering);
        keys.done()
    }
}
