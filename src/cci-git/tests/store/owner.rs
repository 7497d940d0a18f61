//! A caller who is not root: files and directories that their owner closed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cci_git::{Obstacle, Why};

use crate::support::{Bed, as_owner, look};

fn set(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn closed_directories_and_files_are_restored() {
    as_owner("owner::closed_child", Path::new("/"));
}

#[test]
#[ignore = "the other test starts it"]
fn closed_child() {
    let bed = Bed::new();
    bed.write("shut/in/file", "1");
    bed.write("readonly", "1");
    bed.write("away/x/y", "1");
    bed.mode("readonly", 0o444);
    bed.mode("shut/in", 0o555);
    bed.mode("shut", 0o555);
    let (before, first) = (look(&bed.root), bed.snapshot());

    for (path, mode) in [("shut", 0o755), ("shut/in", 0o755)] {
        bed.mode(path, mode);
    }
    fs::remove_file(bed.at("shut/in/file")).unwrap();
    fs::remove_file(bed.at("readonly")).unwrap();
    bed.write("readonly", "2");
    bed.write("shut/new/file", "2");
    bed.mode("shut/new/file", 0);
    bed.mode("shut/new", 0o500);
    bed.mode("readonly", 0);
    bed.mode("away/x", 0);
    bed.mode("shut/in", 0);
    let second = bed.capture();
    let unread: Vec<_> = second.not_held.iter().map(|not| (not.path.to_str().unwrap(), not.why)).collect();
    let expected = ["away/x", "readonly", "shut/in", "shut/new/file"].map(|path| (path, Why::Unreadable));
    assert_eq!(unread, expected);

    let restored = bed.restore(&first);
    assert_eq!(restored.failed, []);
    let kept: Vec<_> = restored.kept.iter().map(|left| left.path.to_str().unwrap()).collect();
    assert_eq!(kept, ["shut/new", "shut/new/file"], "nobody could bring it back");
    set(bed.at("shut"), 0o755);
    fs::remove_dir_all(bed.at("shut/new")).unwrap();
    bed.restore_all(&first);
    assert_eq!(look(&bed.root), before);
    // or nobody could remove them
    for path in ["shut", "shut/in"] {
        bed.mode(path, 0o755);
    }
}

#[test]
fn no_file_comes_back_that_runs_as_its_owner() {
    let bed = Bed::new();
    bed.write("tool", "x");
    bed.mode("tool", 0o4755);
    let first = bed.snapshot();
    bed.restore_all(&first);
    fs::remove_file(bed.at("tool")).unwrap();
    let restored = bed.restore(&first);
    assert_eq!(restored.failed[0].why, Obstacle::WithoutSetId);
    assert_eq!(fs::metadata(bed.at("tool")).unwrap().permissions().mode() & 0o7777, 0o755);
    bed.restore_all(&first);
}
