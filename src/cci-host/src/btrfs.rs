//! What the kernel reports about a btrfs file system on this host: whether its counts of what each container uses are
//! right.

use std::fs;
use std::path::{Path, PathBuf};

/// Whether the pool with this `source` has lost count, so that a size is set but not enforced. Nothing is known about a
/// pool on another machine.
#[must_use]
pub fn has_lost_count(source: &str) -> bool {
    lost_count(Path::new("/sys"), source)
}

fn lost_count(sys: &Path, source: &str) -> bool {
    let Some(filesystem) = filesystem(sys, source) else { return false };
    let flag = fs::read_to_string(filesystem.join("qgroups/inconsistent"));
    flag.is_ok_and(|flag| flag.trim() == "1")
}

/// The kernel's directory of the file system on a device, in a file, or of a UUID.
fn filesystem(sys: &Path, source: &str) -> Option<PathBuf> {
    let all = sys.join("fs/btrfs");
    let by_uuid = all.join(source);
    if !source.is_empty() && !source.contains('/') && by_uuid.is_dir() {
        return Some(by_uuid);
    }
    let device = loop_device(sys, source).or_else(|| block_device(source))?;
    entries(&all).into_iter().find(|filesystem| filesystem.join("devices").join(&device).exists())
}

/// The loop device whose file this is.
fn loop_device(sys: &Path, source: &str) -> Option<String> {
    let holds = |device: &PathBuf| {
        fs::read_to_string(device.join("loop/backing_file")).is_ok_and(|file| file.trim_end() == source)
    };
    name(&entries(&sys.join("block")).into_iter().find(holds)?)
}

/// The kernel's name of a device below `/dev`.
fn block_device(source: &str) -> Option<String> {
    source.starts_with("/dev/").then(|| Path::new(source).canonicalize().ok()).flatten().and_then(|path| name(&path))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> Option<String> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(sys: &Path, path: &str, text: &str) {
        let path = sys.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_pool_is_found_by_its_file_or_its_uuid_and_its_flag_is_read() {
        let sys = tempfile::tempdir().unwrap();
        let sys = sys.path();
        put(sys, "block/loop7/loop/backing_file", "/pool.img\n");
        put(sys, "fs/btrfs/features/quota", "");
        put(sys, "fs/btrfs/uuid-1/devices/loop7", "");
        put(sys, "fs/btrfs/uuid-1/qgroups/inconsistent", "0\n");
        put(sys, "fs/btrfs/uuid-2/qgroups/inconsistent", "1\n");
        assert!(!lost_count(sys, "/pool.img"));
        put(sys, "fs/btrfs/uuid-1/qgroups/inconsistent", "1\n");
        assert!(lost_count(sys, "/pool.img"));
        assert!(lost_count(sys, "uuid-2"));
        for unknown in ["/other.img", "uuid-3", "", "../btrfs/uuid-2"] {
            assert!(!lost_count(sys, unknown), "{unknown}");
        }
    }
}
