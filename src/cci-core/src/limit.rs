//! Which limits a host can enforce.

use crate::settings::Limits;

/// Storage drivers that can limit the size of a root disk.
const BOUNDING: [&str; 7] = ["btrfs", "zfs", "lvm", "lvmcluster", "ceph", "linstor", "truenas"];

/// Whether pools of this driver enforce `limits.disk`.
#[must_use]
pub fn can_bound_disks(driver: &str) -> bool {
    BOUNDING.contains(&driver)
}

/// A limit that the host's kernel does not enforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unenforced {
    /// The key, such as `limits.memory`.
    pub key: &'static str,
    /// Its value.
    pub limit: String,
    /// The kernel controller that is needed.
    pub controller: &'static str,
}

/// The limits that would be ignored, according to the warnings that Incus gave when it checked the kernel.
#[must_use]
pub fn unenforced(limits: &Limits, warnings: &[String]) -> Vec<Unenforced> {
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
        .filter_map(|(key, limit, controller)| Some(Unenforced { key, limit: limit.clone()?, controller }))
        .filter(|unenforced| missing(unenforced.controller))
        .collect()
}

/// Whether a launch with these limits depends on the kernel.
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
        let keys = |all: &[&str]| unenforced(&limits, &warnings(all)).iter().map(|one| one.key).collect::<Vec<_>>();
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
