//! What setup does about a finding, in the required order.

use std::path::PathBuf;

use cci_guest::GuestText;

use crate::idmap::Ids;

/// Where the limits are that setup raises.
pub const LIMITS: &str = "/etc/sysctl.d/60-cci.conf";

/// One change to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Adds the backports of Debian 12 to apt's sources.
    AddBackports,
    /// Installs packages with apt; from `suite` if given.
    Install {
        /// The packages.
        packages: Vec<String>,
        /// The suite to take them from.
        suite: Option<&'static str>,
    },
    /// Appends lines to a table of subordinate ids.
    AddLines {
        /// The table.
        table: &'static str,
        /// The lines.
        lines: Vec<String>,
    },
    /// Adds the user to the group of the socket.
    JoinGroup {
        /// The account.
        user: String,
        /// The group.
        group: String,
    },
    /// Starts the daemon with systemd, now and at each boot.
    StartService,
    /// Starts the daemon directly, detached.
    StartDaemon {
        /// The group of its socket.
        group: String,
    },
    /// Sets a limit of the kernel, now and at each boot.
    RaiseLimit {
        /// Its name, as `sysctl` has it.
        key: &'static str,
        /// The new value.
        value: u64,
    },
    /// Returns root's files in these directories to their user.
    GiveBack {
        /// The directories.
        directories: Vec<PathBuf>,
        /// The account.
        user: String,
        /// Its ids.
        ids: Ids,
    },
    /// Creates a storage pool.
    CreatePool {
        /// `btrfs` or `dir`.
        driver: &'static str,
        /// Size of the loop file in GiB, for btrfs.
        gib: Option<u64>,
    },
    /// Creates the bridge.
    CreateBridge {
        /// Its name.
        name: String,
        /// Its address.
        address: String,
    },
    /// Adds what the default profile lacks.
    CompleteProfile {
        /// The pool of its root disk, if it has none.
        pool: Option<String>,
        /// The network of its NIC, if it has none.
        network: Option<String>,
    },
}

impl Step {
    /// Whether it needs root; the others need the daemon's socket.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        !matches!(self, Self::CreatePool { .. } | Self::CreateBridge { .. } | Self::CompleteProfile { .. })
    }

    /// Whether the machine has to be examined again after it: a daemon that answers shows what it has.
    #[must_use]
    pub fn shows_more(&self) -> bool {
        matches!(self, Self::StartService | Self::StartDaemon { .. })
    }

    /// What it runs or changes, as it is shown.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::AddBackports => "write /etc/apt/sources.list.d/cci-backports.sources (bookworm-backports)".to_owned(),
            Self::Install { packages, suite } => {
                let from = suite.map(|suite| format!(" -t {suite}")).unwrap_or_default();
                format!("run apt-get update; apt-get install -y --no-install-recommends{from} {}", packages.join(" "))
            }
            Self::AddLines { table, lines } => format!("add to {table}: {}", lines.join(", ")),
            Self::JoinGroup { user, group } => format!("run gpasswd --add {user} {group}"),
            Self::StartService => "run systemctl enable --now incus.socket incus.service".to_owned(),
            Self::StartDaemon { group } => format!("start incusd --group {group} (detached, no systemd here)"),
            Self::RaiseLimit { key, value } => format!("run sysctl {key}={value}, and write it to {LIMITS}"),
            Self::GiveBack { directories, user, .. } => {
                let names: Vec<String> = directories.iter().map(|dir| GuestText::new(dir).to_string()).collect();
                format!("run chown -R --from=root {user} {}", names.join(" "))
            }
            Self::CreatePool { driver, gib: Some(gib) } => {
                format!("create storage pool 'default' ({driver} on a loop file of {gib} GiB)")
            }
            Self::CreatePool { driver, gib: None } => {
                format!("create storage pool 'default' ({driver}: each launch copies the image, about 6 s a GiB)")
            }
            Self::CreateBridge { name, address } => format!("create bridge '{name}' ({address}, NAT)"),
            Self::CompleteProfile { pool, network } => {
                let root = pool.as_ref().map(|pool| format!("root disk on '{pool}'"));
                let nic = network.as_ref().map(|network| format!("NIC on '{network}'"));
                let parts: Vec<String> = root.into_iter().chain(nic).collect();
                format!("give the default profile a {}", parts.join(" and a "))
            }
        }
    }
}
