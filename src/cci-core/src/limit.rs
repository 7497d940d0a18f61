//! Which limits a host can hold.

/// Storage drivers that can bound the size of a root disk.
const BOUNDING: [&str; 7] = ["btrfs", "zfs", "lvm", "lvmcluster", "ceph", "linstor", "truenas"];

/// Whether pools of this driver hold a container to `limits.disk`.
#[must_use]
pub fn can_bound_disks(driver: &str) -> bool {
    BOUNDING.contains(&driver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_bounds_nothing() {
        assert!(can_bound_disks("btrfs"));
        assert!(!can_bound_disks("dir"));
    }
}
