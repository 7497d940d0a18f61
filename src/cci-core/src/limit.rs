//! Which limits a host can hold.

use crate::settings::Limits;

/// Storage drivers that can bound the size of a root disk.
const BOUNDING: [&str; 7] = ["btrfs", "zfs", "lvm", "lvmcluster", "ceph", "linstor", "truenas"];

/// Whether pools of this driver hold a container to `limits.disk`.
#[must_use]
pub fn can_bound_disks(driver: &str) -> bool {
    BOUNDING.contains(&driver)
}

/// A limit that the host's kernel does not hold a container to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheld {
    /// The key, such as `limits.memory`.
    pub key: &'static str,
    /// Its value.
    pub limit: String,
    /// The part of the kernel that would be needed.
    pub controller: &'static str,
}

/// The limits that would be passed over, by the warnings that Incus itself gave when it looked at the kernel.
#[must_use]
pub fn unheld(limits: &Limits, warnings: &[String]) -> Vec<Unheld> {
    let needed = [
        ("limits.cpu", &limits.cpu, "CPUset"),
        ("limits.memory", &limits.memory, "memory"),
        ("limits.processes", &limits.processes, "pids"),
    ];
    let missing = |controller: &str| {
        let warning = format!("Couldn't find the CGroup {controller} controller");
        warnings.iter().any(|given| given.eq_ignore_ascii_case(&warning))
    };
    needed
        .into_iter()
        .filter_map(|(key, limit, controller)| Some(Unheld { key, limit: limit.clone()?, controller }))
        .filter(|unheld| missing(unheld.controller))
        .collect()
}

/// Whether a launch with these limits depends on what the kernel has.
#[must_use]
pub fn needs_kernel(limits: &Limits) -> bool {
    let Limits { cpu, memory, processes, disk: _ } = limits;
    cpu.is_some() || memory.is_some() || processes.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_bounds_nothing() {
        assert!(can_bound_disks("btrfs"));
        assert!(!can_bound_disks("dir"));
    }

    #[test]
    fn a_limit_without_its_controller_is_not_held() {
        let limits = Limits { memory: Some("1GiB".into()), processes: Some("100".into()), ..Limits::default() };
        let warnings = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let keys = |all: &[&str]| unheld(&limits, &warnings(all)).iter().map(|one| one.key).collect::<Vec<_>>();
        assert_eq!(keys(&["Couldn't find the CGroup memory controller"]), ["limits.memory"]);
        assert_eq!(keys(&["Couldn't find the CGroup pids controller"]), ["limits.processes"]);
        // that of a limit which is not set, and those of other things
        let others = [
            "Couldn't find the CGroup CPUset controller",
            "Couldn't find the CGroup blkio.weight",
            "Couldn't find the CGroup memory swap accounting",
        ];
        assert_eq!(keys(&others), Vec::<&str>::new());
        assert!(needs_kernel(&limits));
        assert!(!needs_kernel(&Limits { disk: Some("1GiB".into()), ..Limits::default() }));
    }
}
