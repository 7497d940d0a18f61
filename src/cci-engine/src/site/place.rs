//! Where Incus is, and what can be known of that machine: the only one who asks this machine's kernel, its tables and its
//! files about the daemon's.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use cci_core::Result;
use cci_core::address::Subnet;
use cci_core::idmap::IdmapMode;
use cci_core::network::{Block, FirewallFacts, HostNames};
use cci_core::settings::Settings;
use cci_core::stop_hook::StopHook;
use cci_host::caller::Caller;
use cci_host::subids::OfRoot;
use cci_host::{btrfs, incus_socket, limits, network, stop_hook, subids};
use cci_incus::Client;

/// Where Incus is. An answer that only its own machine could give is optional, for a daemon elsewhere gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// On this machine: its kernel, its files and its sockets are the daemon's too.
    Here,
}

impl Site {
    /// A client of the Incus there.
    #[must_use]
    pub fn client(self, caller: &Caller, settings: &Settings) -> Client {
        match self {
            Self::Here => incus_socket::client(caller, settings),
        }
    }

    /// Where its socket is, or should be.
    #[must_use]
    pub fn socket(self, caller: &Caller, settings: &Settings) -> PathBuf {
        match self {
            Self::Here => incus_socket::path(caller, settings),
        }
    }

    /// The `nft` by which Incus loads rules with a container.
    #[must_use]
    pub fn nft(self) -> Option<PathBuf> {
        match self {
            Self::Here => network::nft(),
        }
    }

    /// The stop hook of the daemon with this process id behind this socket.
    #[must_use]
    pub fn stop_hook(self, daemon: u32, socket: &Path, project: &str) -> Option<StopHook> {
        match self {
            Self::Here => stop_hook::find(daemon, socket, project),
        }
    }

    /// root's subordinate ids, where the mapping needs them.
    pub fn subordinate_ids(self, mode: IdmapMode) -> Result<OfRoot> {
        match self {
            Self::Here => subids::of_root(mode),
        }
    }

    /// Whether the file system of a pool has lost count of what each container uses.
    #[must_use]
    pub fn has_lost_count(self, source: &str) -> bool {
        match self {
            Self::Here => btrfs::has_lost_count(source),
        }
    }

    /// How many inotify instances all containers share.
    #[must_use]
    pub fn inotify_instances(self) -> Option<u64> {
        match self {
            Self::Here => limits::read(Path::new(limits::INOTIFY_INSTANCES)),
        }
    }

    /// The same where the machine's administrator can change it.
    #[must_use]
    pub fn changeable_inotify_instances(self) -> Option<u64> {
        match self {
            Self::Here => limits::changeable(Path::new(limits::INOTIFY_INSTANCES)),
        }
    }

    /// The addresses of the machine, without loopback.
    #[must_use]
    pub fn own_addresses(self) -> BTreeSet<Ipv4Addr> {
        match self {
            Self::Here => network::own_addresses(),
        }
    }

    /// The destinations to which the machine has a route other than by this interface.
    #[must_use]
    pub fn routes_beside(self, interface: &str) -> Vec<Block> {
        match self {
            Self::Here => network::used_beside(interface),
        }
    }

    /// The address and network of a bridge.
    #[must_use]
    pub fn subnet_on(self, bridge: &str) -> Option<Subnet> {
        match self {
            Self::Here => network::subnet_on(bridge),
        }
    }

    /// What might stand between a bridge and the world.
    #[must_use]
    pub fn firewall(self) -> FirewallFacts {
        match self {
            Self::Here => network::firewall(),
        }
    }

    /// What the machine's name servers know beside public names. It reads files: call it beside the runtime.
    #[must_use]
    pub fn names(self) -> HostNames {
        match self {
            Self::Here => network::names(),
        }
    }
}
