//! The same launch where something turned out otherwise: another image, identity, address or network, a container that was taken
//! back, a home beyond the daemon's reach.

use cci_incus_types::Disk;

use super::LaunchPlan;
use super::devices::{KNOWN_HOSTS, RESOLV, SESSION, SOCKETS};
use super::facts::Nic;
use super::state_volume::StateVolume;
use crate::git_device;
use crate::machine_id::MachineId;
use crate::mark::Marks;

impl LaunchPlan {
    /// The same launch from this image: one whose `/etc/resolv.conf` is a plain file can have another mounted on it.
    #[must_use]
    pub fn from_image(&self, image: &str, takes_resolv: bool) -> Self {
        let marks = Marks { image: Some(image.to_owned()), ..self.marks.clone() };
        Self { takes_resolv, marks, ..self.clone() }
    }

    /// The same launch of a container that is made from another one, which keeps its identity.
    #[must_use]
    pub fn identified(&self, machine_id: MachineId) -> Self {
        Self { machine_id: Some(machine_id), ..self.clone() }
    }

    /// The same plan for a container in the place of one that this launch has made and taken back.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { attempt: self.attempt + 1, ..self.clone() }
    }

    /// The same launch with an address from another place in the network; `None` where it has none to choose.
    ///
    /// Two launches that look at the same moment can choose one address; the launch's own random text parts them.
    #[must_use]
    pub fn elsewhere(&self) -> Option<Self> {
        self.network_facts()?;
        let random = self.marks.launch.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok())?;
        Some(Self { detour: self.detour.wrapping_add(random | 1), ..self.clone() })
    }

    /// The same launch where the daemon cannot reach the caller's home: the conversation in a storage volume, no sockets,
    /// and the name server as the network's lease tells it. The pool is that of the root disk if none is given; `None` where
    /// that is so already, or no pool is known.
    #[must_use]
    pub fn beyond_home(&self, pool: Option<&str>) -> Option<Self> {
        let pool = pool.or(self.pool.as_deref()).filter(|_| self.reaches_home)?;
        let mut plan = Self { reaches_home: false, pool: Some(pool.to_owned()), ..self.clone() };
        let is_of_home = |device: &str| [SOCKETS, KNOWN_HOSTS].contains(&device) || git_device::is_redirect(device);
        plan.disks.retain(|disk| !is_of_home(&disk.device));
        plan = plan.without_login();
        if let Some(session) = self.marks.session {
            let StateVolume { pool, name } = StateVolume::of(session, pool);
            let state = self.state();
            plan.disks.retain(|disk| disk.device != SESSION);
            plan.devices.insert(SESSION.into(), Disk::of_volume(&pool, &name, &state).into());
        }
        Some(plan)
    }

    /// The same launch of a container that has no sockets: its agent is not sent there.
    #[must_use]
    pub fn without_login(&self) -> Self {
        let mut plan = self.clone();
        for name in std::mem::take(&mut plan.login).keys() {
            plan.environment.remove(name);
        }
        plan
    }

    /// The same launch on the network as it is now: one that was removed and made again can lie elsewhere.
    #[must_use]
    pub fn on(&self, nic: Option<Nic>) -> Self {
        let mut plan = Self { nic, ..self.clone() };
        let resolv = plan.network_facts().map(|network| network.resolv.clone());
        let names = plan.disks.iter_mut().find(|disk| disk.device == RESOLV);
        if let (Some(names), Some(resolv)) = (names, resolv) {
            names.source = resolv;
        }
        plan
    }
}
