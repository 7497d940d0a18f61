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
    /// Its socket is there, and this caller may not use it.
    NoPermission,
    /// Nothing answers.
    Silent,
    /// It is there, and does not say what it has.
    Failing {
        /// What it said, or that it did not.
        reason: String,
    },
}

/// Whether Incus is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installation {
    /// Its daemon's program is missing.
    Absent,
    /// It is there and has never run.
    Unused,
    /// It has run, so it has objects that are not seen until it answers.
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
    /// Whether a container is a clone there and not a copy.
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

/// The person that containers shall belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name in the account table; the number as text if there is none.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// Whether the group table has them in the group of the socket.
    pub in_group: bool,
    /// Whether this login has the group already.
    pub group_active: bool,
}

/// Files of root's where only the person's should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfRoot {
    /// One of them.
    pub first: PathBuf,
    /// The directories that are the person's.
    pub directories: Vec<PathBuf>,
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

/// A table of subordinate ids as it is on the disk, where a name need not be UTF-8; or why it cannot be read, which is not
/// the same as an empty one.
pub type Table = Result<Vec<u8>, String>;

/// Everything that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The distribution.
    pub distro: Distro,
    /// Whether systemd runs the machine.
    pub systemd: bool,
    /// Whether Incus is there.
    pub incus: Installation,
    /// Programs that are missing, by the package that has them.
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
    /// The person containers shall belong to.
    pub person: Person,
    /// The group of the socket.
    pub group: String,
    /// The first thing in the person's own directories of cci that belongs to root, and these directories.
    pub of_root: Option<OfRoot>,
    /// Whether what Incus mounts for running containers is passed on to them; `None` where that cannot be seen from here.
    pub shared_mounts: Option<bool>,
    /// Firewalls in the way.
    pub firewalls: Vec<Firewall>,
    /// The host's routes.
    pub routes: Vec<Route>,
    /// Whether the kernel can do btrfs.
    pub btrfs: bool,
    /// Bytes free where the daemon keeps its data.
    pub free_bytes: u64,
    /// How many inotify instances the kernel gives a user; `None` where that cannot be changed from here.
    pub inotify_instances: Option<u64>,
}
