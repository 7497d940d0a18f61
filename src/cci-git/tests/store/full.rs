//! A disk that is full, in each phase: nothing half counts as whole, and with room again everything goes on.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use cci_git::{Capture, Error, Restore, Store};

use crate::support::{look, place, run_again};

/// Mounts are the test's own.
const ALONE: [&str; 5] = ["unshare", "--user", "--map-root-user", "--mount", "--"];

#[test]
fn a_full_disk_is_told_and_leaves_everything_whole() {
    let base = tempfile::tempdir().unwrap();
    run_again(&ALONE, "full::child", base.path());
}

fn small_disk(at: &Path, size: &str) {
    fs::create_dir(at).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(at).status().unwrap();
    assert!(mounted.success(), "cannot mount a small disk");
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    std::iter::repeat_with(step).take(length).collect()
}

#[test]
#[ignore = "the other test starts it on small disks"]
fn child() {
    let base = place();
    let (disk, root) = (base.join("disk"), base.join("root"));
    small_disk(&disk, "size=6m");
    small_disk(&root, "size=12m");
    let store = Store::open(&disk.join("store.git")).unwrap();
    let cache = disk.join("cache");
    let how = Capture { ignore: &[], max_file: 64 << 20, cache: Some(&cache) };
    let top = File::open(&root).unwrap();
    fs::write(root.join("a"), noise(1, 1 << 20)).unwrap();
    fs::write(root.join("b"), noise(2, 1 << 20)).unwrap();
    let (before, first) = (look(&root), store.capture(&top, &how).unwrap().snapshot);

    // the store's disk is full: with objects, with an index or with the cache
    let stored = || fs::read_dir(disk.join("store.git/objects/pack")).unwrap().count();
    let before_full = stored();
    let rest = |room: u64| {
        let free = rustix::fs::statvfs(&disk).unwrap();
        usize::try_from(free.f_bavail * free.f_bsize - room).unwrap()
    };
    for (room, more) in
        [(0, 10), (4096, 100), (8192, 100), (1 << 20, 2 << 20), (1 << 20, 9 << 20), (2_u64 << 20, 9 << 20)]
    {
        fs::write(root.join("c"), noise(room + 3, more)).unwrap();
        fs::write(disk.join("filler"), vec![0; rest(room)]).unwrap();
        match store.capture(&top, &how) {
            Err(Error::Full { .. }) => assert_eq!(stored(), before_full, "what was begun is gone"),
            // all objects went into the last page, only the cache did not
            Ok(whole) if room == 8192 => {
                assert_eq!(store.verify([whole.snapshot.tree, whole.snapshot.stat]).unwrap(), []);
            }
            other => panic!("{room} {more}: {other:?}"),
        }
        assert_eq!(store.verify([first.tree, first.stat]).unwrap(), []);
        fs::remove_file(disk.join("filler")).unwrap();
        assert_eq!(store.capture(&top, &how).is_ok(), more < 4 << 20);
        store.prune([first.tree, first.stat]).unwrap();
    }
    fs::remove_file(root.join("c")).unwrap();

    // so is the workspace's
    fs::remove_file(root.join("a")).unwrap();
    fs::write(root.join("b"), "other").unwrap();
    fs::create_dir(root.join("not held")).unwrap();
    fs::write(root.join("not held/filler"), vec![0; 11 << 20]).unwrap();
    let back = Restore { ignore: &["filler".to_owned()], max_file: 64 << 20, cache: None, except: &[], reflog: "" };
    let full = store.restore(&top, &first, &back);
    assert!(matches!(full, Err(Error::Full { .. })), "{full:?}");
    assert!(
        fs::read_dir(&root).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with(".cci"))
    );
    fs::remove_file(root.join("not held/filler")).unwrap();
    let restored = store.restore(&top, &first, &back).unwrap();
    assert_eq!(restored.failed, []);
    assert_eq!(look(&root), before);
}
