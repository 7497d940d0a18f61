//! Where Incus is, and what can be known about that machine: the only module that asks this machine's kernel, tables
//! and files about the daemon's.

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

/// Where Incus is. An answer that only its own machine can give is optional, because a remote daemon gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// On this machine: its kernel, files and sockets are the daemon's too.
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

    /// The `nft` with which Incus loads rules for a container.
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

    /// root's subordinate ids, if the mapping needs them.
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

    /// The destinations to which the machine has a route by another interface.
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

    /// What might block a bridge's traffic.
    #[must_use]
    pub fn firewall(self) -> FirewallFacts {
        match self {
            Self::Here => network::firewall(),
        }
    }

    /// What the machine's name servers know besides public names. It reads files: do not call it on the runtime's
    /// thread.
    #[must_use]
    pub fn names(self) -> HostNames {
        match self {
            Self::Here => network::names(),
        }
    }
}
