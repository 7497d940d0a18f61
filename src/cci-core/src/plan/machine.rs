//! The machine that a plan makes in a slot: its address there, the guard of that address, and all that the plan gives.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use cci_incus_types::Device;

use super::LaunchPlan;
use super::devices::RESOLV;
use crate::address::Fixed;
use crate::lifetime::Lifetime;
use crate::machine::{Hooks, MachineIds, MachineSpec};
use crate::mark::{Kind, Marks};
use crate::network::{self, Mode};
use crate::slot::Slot;

impl LaunchPlan {
    /// The machine of a slot.
    #[must_use]
    pub fn machine(&self, slot: Slot) -> MachineSpec {
        let marks = Marks { slot: Some(slot), ..self.marks.clone() };
        let ephemeral = !self.lifetime.is_persistent();
        MachineSpec { ephemeral, ..self.with_address(slot, self.name(slot).to_string(), marks) }
    }

    /// The machine that belongs to no workspace and no conversation, and otherwise gets the same.
    #[must_use]
    pub fn standalone(&self, name: &str, ephemeral: bool) -> MachineSpec {
        let marks = Marks {
            kind: Kind::Plain,
            workspace: None,
            session: None,
            tool: None,
            lifetime: Lifetime::Ephemeral,
            ..self.marks.clone()
        };
        // one that stays can get another name, which its own stop hook would not know
        let mut plan = Self { stop_hook: self.stop_hook.clone().filter(|_| ephemeral), ..self.clone() };
        plan.disks.retain(|disk| disk.device == RESOLV);
        MachineSpec { ephemeral, ..plan.with_address(Slot::FIRST, name.to_owned(), marks) }
    }

    /// The machine with the address of a slot and these marks.
    fn with_address(&self, slot: Slot, name: String, marks: Marks) -> MachineSpec {
        let names_itself = !self.has_instant_network();
        let disks = self.disks.iter().filter(|disk| !(names_itself && disk.device == RESOLV));
        let hooks = Hooks {
            stop: self.stop_hook.clone(),
            closed: self.closed.clone(),
            machine_id: self.machine_id,
            ..Hooks::default()
        };
        let (mut devices, mut hooks) = (self.devices.clone(), hooks);
        if let (Some(fixed), Some(nic)) = (self.fixed(slot), &self.nic) {
            hooks.guard = self.guard(fixed.subnet.gateway);
            hooks.address = Some(fixed);
            if let Some(Device::Nic(nic)) = devices.get_mut(&nic.device) {
                nic.ipv4_address = Some(fixed.address);
            }
        }
        MachineSpec {
            name,
            marks,
            nesting: self.nesting,
            limits: self.limits.clone(),
            ids: MachineIds::Own(self.map.clone()),
            disks: disks.cloned().collect(),
            devices,
            hooks,
            ephemeral: true,
        }
    }

    /// The address that the container of a slot has from its first instruction on, where the network is one that can give it.
    #[must_use]
    pub fn address(&self, slot: Slot) -> Option<Ipv4Addr> {
        self.fixed(slot).map(|fixed| fixed.address)
    }

    /// The fixed address of a slot, where the network is one that can give it.
    fn fixed(&self, slot: Slot) -> Option<Fixed> {
        let network = self.network_facts()?;
        let (name, siblings) = (self.name(slot).to_string(), Slot::all().map(|slot| self.name(slot).to_string()));
        let siblings: BTreeSet<String> = siblings.collect();
        let others = network.taken.iter().filter(|(other, _)| *other != name);
        let (own, foreign): (Vec<_>, Vec<_>) = others.partition(|(other, _)| siblings.contains(other));
        let addresses = |of: Vec<&(String, Ipv4Addr)>| of.into_iter().map(|(_, address)| *address).collect();
        let (own, foreign) = (addresses(own), addresses(foreign));
        let address = network.subnet.address(self.workspace.hash(), slot, self.detour, &foreign, &own)?;
        Some(Fixed { address, subnet: network.subnet })
    }

    /// The second layer under the network's policy, where there is one and the host can have it.
    fn guard(&self, gateway: Ipv4Addr) -> String {
        match (&self.policy, &self.nft) {
            (Some(policy), Some(nft)) => {
                network::hooks(policy, gateway, nft, &format!("{}n{}", self.launch(), self.attempt))
            }
            _ => String::new(),
        }
    }

    /// Whether the container of a slot reaches nothing that the policy refuses from its first instruction on, whatever
    /// Incus has of its rules: the second layer comes with the start, and knows all that is refused but not what alone is
    /// allowed.
    #[must_use]
    pub fn is_guarded(&self, slot: Slot) -> bool {
        self.network == Mode::Restricted && self.fixed(slot).is_some_and(|at| !self.guard(at.subnet.gateway).is_empty())
    }
}
