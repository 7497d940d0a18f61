//! The input of a launch plan: what was asked for, and what the host is.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use cci_guest::author::Author;
use cci_incus_types::{Disk, device};

use super::git_view::GitView;
use super::roots::Roots;
use crate::address::Subnet;
use crate::environment::HostLocale;
use crate::host_disk::HostPath;
use crate::idmap::IdmapFacts;
use crate::mount::Mount;
use crate::name::Prefix;
use crate::network::Policy;
use crate::session::SessionId;
use crate::stop_hook::StopHook;
use crate::workspace::Workspace;

/// What this launch was asked for, besides the settings.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What container names begin with.
    pub prefix: Prefix,
    /// The project directory.
    pub workspace: Workspace,
    /// The host user who asks, and will own the container.
    pub owner_uid: u32,
    /// A random text that identifies this launch.
    pub launch: String,
    /// The conversation and its state directory on the host; a single command has none.
    pub session: Option<(SessionId, HostPath)>,
    /// The directory with the session's sockets, if it has some.
    pub sockets: Option<HostPath>,
    /// Whom its programs are to trust.
    pub roots: Roots,
    /// The variables by which the agent is let in by its API through these sockets.
    pub login: BTreeMap<String, String>,
    /// Variables of the command line.
    pub environment: BTreeMap<String, String>,
}

/// What is known of the host, as far as it decides the plan.
#[derive(Debug, Clone)]
pub struct HostFacts {
    /// What decides the id mapping.
    pub idmap: IdmapFacts,
    /// Terminal and time zone of the caller.
    pub locale: HostLocale,
    /// The author of the container's commits.
    pub author: Author,
    /// The policy of the container's network; mode `open` has none.
    pub policy: Option<Policy>,
    /// The NIC that the container gets: the network policy's, or in mode `open` the default profile's first.
    pub nic: Option<Nic>,
    /// Other NICs of the default profile, which would bypass a policy.
    pub other_nics: Vec<String>,
    /// The host's `nft`, if it has one that Incus can run.
    pub nft: Option<PathBuf>,
    /// The default profile's root disk.
    pub root: Option<Disk>,
    /// The workspace, checked; `None` for a container without one.
    pub workspace: Option<HostPath>,
    /// Incus's own stop hook, where lxcfs's half second can be removed.
    pub stop_hook: Option<StopHook>,
    /// The other mounts: they exist and may be mounted.
    pub mounts: Vec<Mount>,
    /// What it gets for git to work.
    pub git: GitView,
}

/// A network interface as the default profile has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The device's name in the profile.
    pub device: String,
    /// Its configuration.
    pub config: device::Nic,
    /// What is known of its network; `None` where addresses come from elsewhere.
    pub network: Option<Network>,
}

impl Nic {
    /// A NIC on a policy's bridge, which lets the container send from its own address only.
    #[must_use]
    pub fn guarded(device: &str, bridge: &str, network: Option<Network>) -> Self {
        let config = device::Nic { mac_filtering: true, ipv4_filtering: true, ..device::Nic::on(bridge, "eth0") };
        Self { device: device.to_owned(), config, network }
    }
}

/// A managed network, as far as it decides a container's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its own address and size.
    pub subnet: Subnet,
    /// Addresses already in use, by the name of the container that has them.
    pub taken: Vec<(String, Ipv4Addr)>,
    /// The file on the host that names the bridge as the name server.
    pub resolv: HostPath,
}
