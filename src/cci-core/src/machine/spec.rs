//! What a machine is, whatever runs it: the only way to an instance, for a launch as for a build.

use cci_incus_types::Devices;

use crate::address::Fixed;
use crate::container_ids::HostIds;
use crate::host_disk::HostDisk;
use crate::idmap::Idmap;
use crate::mark::Marks;
use crate::settings::Limits;
use crate::stop_hook::StopHook;

/// A machine to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    /// The instance's name.
    pub name: String,
    /// What cci writes on it.
    pub marks: Marks,
    /// Whether containers can run in it.
    pub nesting: bool,
    /// What it may take of the host.
    pub limits: Limits,
    /// Which host ids its users have.
    pub ids: MachineIds,
    /// What of the host it sees, each held to what it was when it was looked at.
    pub disks: Vec<HostDisk>,
    /// Its other devices.
    pub devices: Devices,
    /// What the host does for it at its start and its end.
    pub hooks: Hooks,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
}

/// Which host ids the users of a machine have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineIds {
    /// Those that Incus gives to all.
    Shared,
    /// A range of its own, with the agent's user as the map says.
    Own(Idmap),
    /// The range of another machine, to take over files that it made.
    Of(HostIds, Idmap),
}

/// What the host does for a machine at its start and its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The end without lxcfs's half second.
    pub stop: Option<StopHook>,
    /// The address that its network has from the first instruction on.
    pub address: Option<Fixed>,
    /// The rules under its network's ACL, as lines for LXC.
    pub guard: String,
}

impl MachineSpec {
    /// A machine that serves cci's own work: nothing of the host in it, no limits, gone when it stops.
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

    /// The text that tells its launch from every other.
    #[must_use]
    pub fn launch(&self) -> &str {
        &self.marks.launch
    }
}
