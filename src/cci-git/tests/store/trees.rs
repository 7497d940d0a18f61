//! Random trees: captured, changed at random, restored, compared.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::process::geteuid;

use crate::support::{Bed, look};

/// One thing that happens to a workspace.
#[derive(Debug, Clone)]
enum Act {
    Write(PathBuf, Vec<u8>),
    Directory(PathBuf),
    Link(PathBuf, String),
    Remove(PathBuf),
    Mode(PathBuf, u32),
    Time(PathBuf, u32),
    Move(PathBuf, PathBuf),
}

fn path() -> impl Strategy<Value = PathBuf> {
    proptest::collection::vec(prop_oneof!["a", "b", "c.d", ".git", "objects", "="], 1..4)
        .prop_map(|parts| parts.iter().collect::<PathBuf>())
        // what git keeps on purpose has tests of its own
        .prop_filter("no repository", |path| !path.starts_with(".git") && !path.to_string_lossy().contains("/.git"))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (path(), proptest::collection::vec(any::<u8>(), 0..30)).prop_map(|(path, bytes)| Act::Write(path, bytes)),
        2 => path().prop_map(Act::Directory),
        1 => (path(), "[a-z/.]{1,20}").prop_map(|(path, target)| Act::Link(path, target)),
        2 => path().prop_map(Act::Remove),
        1 => (path(), 0..0o1000_u32).prop_map(|(path, mode)| Act::Mode(path, mode)),
        1 => (path(), any::<u32>()).prop_map(|(path, time)| Act::Time(path, time)),
        1 => (path(), path()).prop_map(|(from, to)| Act::Move(from, to)),
    ]
}

/// Does it if it can be done.
fn perform(bed: &Bed, act: &Act) {
    let at = |path: &Path| bed.root.join(path);
    let above = |path: &Path| drop(fs::create_dir_all(at(path).parent().unwrap()));
    match act {
        Act::Write(path, bytes) => {
            above(path);
            drop(fs::write(at(path), bytes));
        }
        Act::Directory(path) => drop(fs::create_dir_all(at(path))),
        Act::Link(path, target) => {
            above(path);
            drop(symlink(target, at(path)));
        }
        Act::Remove(path) => drop(fs::remove_dir_all(at(path)).or_else(|_| fs::remove_file(at(path)))),
        Act::Mode(path, mode) => {
            // what their owner could not look at, an ordinary user could not compare
            let mode = if geteuid().is_root() { *mode } else { mode | 0o700 };
            if !at(path).is_symlink() {
                drop(fs::set_permissions(at(path), fs::Permissions::from_mode(mode)));
            }
        }
        Act::Time(path, time) => {
            if at(path).exists() && !at(path).is_symlink() {
                bed.mtime(path.to_str().unwrap(), u64::from(*time), *time % 1_000_000_000);
            }
        }
        Act::Move(from, to) => {
            above(to);
            drop(fs::rename(at(from), at(to)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_state_comes_back(
        first in proptest::collection::vec(act(), 0..25), second in proptest::collection::vec(act(), 0..25),
    ) {
        let bed = Bed::in_memory();
        for act in &first { perform(&bed, act); }
        let (one, one_is) = (look(&bed.root), bed.snapshot());
        for act in &second { perform(&bed, act); }
        let (two, two_is) = (look(&bed.root), bed.snapshot());

        bed.restore_all(&one_is);
        prop_assert_eq!(look(&bed.root), one);
        bed.restore_all(&two_is);
        prop_assert_eq!(look(&bed.root), two);
        prop_assert_eq!(bed.snapshot(), two_is);
    }
}
