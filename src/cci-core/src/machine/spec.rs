//! What a machine is: the only way to an instance, for a launch and for a build.

use cci_guest::closed::Closed;
use cci_incus_types::{Devices, Disk};

use crate::address::Fixed;
use crate::container_ids::HostIds;
use crate::host_disk::HostDisk;
use crate::idmap::Idmap;
use crate::machine_id::MachineId;
use crate::mark::Marks;
use crate::settings::Limits;
use crate::stop_hook::StopHook;

/// A machine to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    /// The instance's name.
    pub name: String,
    /// The labels that cci writes on it.
    pub marks: Marks,
    /// Whether containers can run in it.
    pub nesting: bool,
    /// Its limits.
    pub limits: Limits,
    /// Which host ids its users have.
    pub ids: MachineIds,
    /// What it sees of the host, each pinned to what it was when it was checked.
    pub disks: Vec<HostDisk>,
    /// Its other devices.
    pub devices: Devices,
    /// What the host does when it starts and stops.
    pub hooks: Hooks,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
}

/// Which host ids the users of a machine have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineIds {
    /// The range that Incus gives to all.
    Shared,
    /// A range of its own, with the agent's user mapped like this.
    Own(Idmap),
    /// The range of another machine, to take over files that it created.
    Of(HostIds, Idmap),
}

/// What the host does when a machine starts and stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The stop without lxcfs's half second.
    pub stop: Option<StopHook>,
    /// Its network address from the first instruction.
    pub address: Option<Fixed>,
    /// The rules under its network's ACL, as lines for LXC.
    pub guard: String,
    /// What its own root closes at its start.
    pub closed: Vec<Closed>,
    /// The identity that it gets, if not the one in its root file system.
    pub machine_id: Option<MachineId>,
    /// Whether it refuses to start.
    pub barred: bool,
}

impl MachineSpec {
    /// A machine for cci's own work: nothing of the host in it, no limits, removed when it stops.
    #[must_use]
    pub fn own_work(name: String, marks: Marks) -> Self {
        Self {
            name,
            marks,
            nesting: false,
            limits: Limits::default(),
            ids: MachineIds::Shared,
            disks: Vec::new(),
            devices: Devices::new(),
            hooks: Hooks::default(),
            ephemeral: true,
        }
    }

    /// A machine that holds a root file system and never runs: nothing but that disk, and no start.
    #[must_use]
    pub fn held(name: String, marks: Marks, root: Disk) -> Self {
        Self {
            devices: [("root".to_owned(), root.into())].into(),
            hooks: Hooks { barred: true, ..Hooks::default() },
            ephemeral: false,
            ..Self::own_work(name, marks)
        }
    }

    /// The random text that identifies its launch.
    #[must_use]
    pub fn launch(&self) -> &str {
        &self.marks.launch
    }
}
