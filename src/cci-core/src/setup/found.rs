//! What was found on the machine, before anything is decided.

use std::path::PathBuf;

use super::distro::Distro;
use super::subnet::Route;

/// How the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Daemon {
    /// It answers and trusts this caller.
    Answers {
        /// Its version.
        version: String,
    },
    /// Its socket exists, but this caller may not use it.
    NoPermission,
    /// Nothing answers.
    Silent,
    /// It answers, but does not say what it has.
    Failing {
        /// Its answer, or that there was none.
        reason: String,
    },
}

/// Whether Incus is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installation {
    /// Its daemon's program is missing.
    Absent,
    /// It is installed and has never run.
    Unused,
    /// It has run, so it has objects that cannot be seen until it answers.
    Used,
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `btrfs`, `zfs`, `lvm`, `dir`, …
    pub driver: String,
}

impl Pool {
    /// Whether a container is a clone there and not a full copy.
    #[must_use]
    pub fn is_copy_on_write(&self) -> bool {
        matches!(self.driver.as_str(), "btrfs" | "zfs" | "lvm" | "lvmcluster" | "ceph" | "linstor")
    }
}

/// What the daemon has; known only when it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// Its pools.
    pub pools: Vec<Pool>,
    /// Its managed bridges, with their IPv4 address.
    pub bridges: Vec<(String, String)>,
    /// The pool of the default profile's root disk.
    pub profile_root: Option<String>,
    /// The network of the default profile's first NIC.
    pub profile_nic: Option<String>,
    /// Networks by name that exist, managed or not.
    pub network_names: Vec<String>,
}

/// The user who will own the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name in the account table; the number as text if there is none.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// Whether the group table has the user in the group of the socket.
    pub in_group: bool,
    /// Whether this login already has the group.
    pub group_active: bool,
}

/// The mount point through which Incus mounts something into running containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedMounts {
    /// Where they are.
    pub point: PathBuf,
    /// Whether what is mounted there reaches containers.
    pub are_shared: bool,
}

/// Files that belong to root in the user's own directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfRoot {
    /// One of them.
    pub first: PathBuf,
    /// The directories that should be the user's.
    pub directories: Vec<PathBuf>,
}

/// Where cci keeps what it has of the user, if that is closed to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedHome {
    /// The home, or a directory of cci's in it.
    pub path: PathBuf,
    /// Whether there is anything.
    pub exists: bool,
}

/// A firewall of the host that drops what a bridge needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firewall {
    /// Docker set the policy of the forward chain to drop.
    Docker,
    /// ufw is on.
    Ufw,
    /// firewalld runs.
    Firewalld,
}

/// A table of subordinate ids as it is on the disk, where a name need not be UTF-8; or why it cannot be read, which is
/// not the same as an empty one.
pub type Table = Result<Vec<u8>, String>;

/// Everything that the findings are decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The distribution.
    pub distro: Distro,
    /// Whether systemd runs the machine.
    pub systemd: bool,
    /// Whether Incus is installed.
    pub incus: Installation,
    /// Programs that are missing, by their package.
    pub missing_packages: Vec<&'static str>,
    /// How the daemon answers.
    pub daemon: Daemon,
    /// The socket, where the configuration or the environment names one: it may belong to any daemon.
    pub named_socket: Option<PathBuf>,
    /// What it has.
    pub objects: Option<Objects>,
    /// `/etc/subuid`.
    pub subuid: Table,
    /// `/etc/subgid`.
    pub subgid: Table,
    /// The user who will own the containers.
    pub person: Person,
    /// The group of the socket.
    pub group: String,
    /// What in the user's own directories of cci belongs to root.
    pub of_root: Option<OfRoot>,
    /// A directory of theirs with more in it than was looked at, and how many entries were.
    pub home_in_part: Option<(PathBuf, usize)>,
    /// The user's home or what cci has there, where it is closed to them.
    pub closed_home: Option<ClosedHome>,
    /// The mounts by which Incus reaches running containers, where they can be seen from here.
    pub shared_mounts: Option<SharedMounts>,
    /// Firewalls in the way.
    pub firewalls: Vec<Firewall>,
    /// The host's routes.
    pub routes: Vec<Route>,
    /// Whether the kernel can do btrfs.
    pub btrfs: bool,
    /// Free bytes where the daemon keeps its data.
    pub free_bytes: u64,
    /// How many inotify instances the kernel allows a user; `None` where that cannot be changed from here.
    pub inotify_instances: Option<u64>,
}
