//! A machine as a system container: Incus's configuration keys and devices.

use std::collections::BTreeMap;

use cci_guest::closed;
use cci_guest::layout::PLACE_VARIABLE;
use cci_incus_types::Devices;

use super::spec::{MachineIds, MachineSpec};
use crate::address::Fixed;
use crate::host_disk::{self, RAW_LXC};
use crate::idmap::Idmap;
use crate::machine_id::MachineId;
use crate::plan::PLACE;

use crate::settings::Limits;

/// The line for LXC without whose command's success nothing starts.
const BARRED: &str = "lxc.hook.pre-start = /bin/false\n";

/// A container, as in the request that creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The instance's name.
    pub name: String,
    /// Configuration keys.
    pub config: BTreeMap<String, String>,
    /// Devices by name.
    pub devices: Devices,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
}

/// The container that a machine becomes.
#[must_use]
pub fn container(machine: &MachineSpec) -> Container {
    let (mounted, pins) = host_disk::render(&machine.disks);
    let mut devices = machine.devices.clone();
    devices.extend(mounted);
    let mut config = shut(machine.nesting);
    config.extend(limits(&machine.limits));
    config.extend(ids(&machine.ids));
    config.extend(machine.marks.to_config());
    if let Some(place) = place(machine) {
        config.insert(format!("environment.{PLACE_VARIABLE}"), place.to_owned());
    }
    let raw_lxc = raw_lxc(machine, &pins);
    if !raw_lxc.is_empty() {
        config.insert(RAW_LXC.to_owned(), raw_lxc);
    }
    Container { name: machine.name.clone(), config, devices, ephemeral: machine.ephemeral }
}

/// Where else the workspace is.
fn place(machine: &MachineSpec) -> Option<&str> {
    machine.disks.iter().find(|disk| disk.device == PLACE).map(|disk| disk.path.as_str())
}

/// Without access to Incus's own socket and never privileged; nesting only where it is wanted.
fn shut(nesting: bool) -> BTreeMap<String, String> {
    let always = [("security.guestapi", "false"), ("security.privileged", "false")];
    let nested = [
        ("security.nesting", "true"),
        ("security.syscalls.intercept.mknod", "true"),
        ("security.syscalls.intercept.setxattr", "true"),
    ];
    let keys = always.into_iter().chain(nested.into_iter().filter(|_| nesting));
    keys.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn limits(limits: &Limits) -> impl Iterator<Item = (String, String)> {
    // the disk's limit is on the root device
    let Limits { cpu, memory, processes, disk: _ } = limits;
    let keys = [("limits.cpu", cpu), ("limits.memory", memory), ("limits.processes", processes)];
    keys.into_iter().filter_map(|(key, limit)| Some((key.to_owned(), limit.clone()?)))
}

fn ids(ids: &MachineIds) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    let mut set = |key: &str, value: String| drop(config.insert(key.to_owned(), value));
    let map = match ids {
        MachineIds::Shared => return config,
        MachineIds::Own(map) => map,
        MachineIds::Of(range, map) => {
            set("security.idmap.base", range.first.to_string());
            set("security.idmap.size", range.count.to_string());
            map
        }
    };
    if *map != Idmap::Plain || matches!(ids, MachineIds::Of(..)) {
        set("security.idmap.isolated", "true".to_owned());
    }
    if let Idmap::Raw(lines) = map {
        set("raw.idmap", lines.clone());
    }
    config
}

/// The lines for LXC: the stop hook clears the hooks of its kind, so the others come after it.
fn raw_lxc(machine: &MachineSpec, pins: &str) -> String {
    let hooks = &machine.hooks;
    let stop = hooks.stop.as_ref().map(|hook| hook.raw_lxc(&machine.name)).unwrap_or_default();
    let address = hooks.address.map(Fixed::raw_lxc).unwrap_or_default();
    let machine_id = hooks.machine_id.map(MachineId::raw_lxc).unwrap_or_default();
    let closed = closed::raw_lxc(&hooks.closed, place(machine));
    let barred = if hooks.barred { BARRED } else { "" };
    stop + pins + &address + &hooks.guard + &closed + &machine_id + barred
}

#[cfg(test)]
mod tests {
    use cci_incus_types::Disk;

    use super::*;
    use crate::container_ids::HostIds;
    use crate::mark::Marks;

    fn machine() -> MachineSpec {
        MachineSpec::own_work("cci-build-1".into(), Marks::of_build(1234, "a1b2"))
    }

    #[test]
    fn cci_s_own_work_gets_labels_and_what_closes_every_container() {
        let Container { name, config, devices, ephemeral } = container(&machine());
        assert_eq!((name.as_str(), ephemeral, devices.len()), ("cci-build-1", true, 0));
        let others: Vec<&str> = config.keys().map(String::as_str).filter(|key| !key.starts_with("user.cci.")).collect();
        assert_eq!(others, ["security.guestapi", "security.privileged"]);
        assert_eq!(config["user.cci.owner-uid"], "1234");
    }

    #[test]
    fn a_machine_with_another_one_s_ids_says_which() {
        let range = HostIds { first: 1_065_536, count: 65_536 };
        let spec = MachineSpec { ids: MachineIds::Of(range, Idmap::Raw("uid 1000 1000".into())), ..machine() };
        let config = container(&spec).config;
        assert_eq!(config["security.idmap.base"], "1065536");
        assert_eq!(config["security.idmap.size"], "65536");
        assert_eq!(config["security.idmap.isolated"], "true");
        assert_eq!(config["raw.idmap"], "uid 1000 1000");
    }

    #[test]
    fn containers_inside_are_possible_only_where_they_are_wanted() {
        assert!(!container(&machine()).config.contains_key("security.nesting"));
        let nested = container(&MachineSpec { nesting: true, ..machine() }).config;
        assert_eq!(nested["security.nesting"], "true");
        assert_eq!(nested["security.privileged"], "false");
    }

    #[test]
    fn what_only_holds_a_file_system_has_no_other_device_and_refuses_to_start() {
        let root = Disk { path: Some("/".into()), pool: Some("p".into()), ..Disk::default() };
        let spec = MachineSpec::held("cci-cp-1".into(), Marks::of_build(1234, "a1b2"), root.clone());
        let Container { config, devices, ephemeral, .. } = container(&spec);
        assert_eq!((devices, ephemeral), ([("root".to_owned(), root.into())].into(), false));
        assert_eq!(config[RAW_LXC], BARRED);
    }

    #[test]
    fn a_limit_that_is_not_set_has_no_key() {
        let limits = Limits { memory: Some("2GiB".into()), ..Limits::default() };
        let config = container(&MachineSpec { limits, ..machine() }).config;
        assert_eq!(config["limits.memory"], "2GiB");
        assert!(!config.contains_key("limits.cpu") && !config.contains_key("limits.processes"));
    }
}
