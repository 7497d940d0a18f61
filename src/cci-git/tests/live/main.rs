//! What only root can prepare: the workspace of a caller who is not root, with files that belong to somebody else, and a directory
//! that sees what a container would.

#![allow(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use cci_git::Obstacle;
use rustix::process::geteuid;

use support::{Bed, as_owner};

mod mounted;
#[allow(dead_code, reason = "the other tests use the rest of it")]
#[path = "../store/support.rs"]
mod support;
#[allow(dead_code, reason = "the other tests use the rest of it")]
#[path = "../layout/world.rs"]
mod world;

#[test]
fn what_another_user_owns_is_told() {
    assert!(geteuid().is_root(), "only root can make files of another user's: `tests/run` runs this as root");
    as_owner("foreign_child", Path::new("/"));
}

#[test]
#[ignore = "the other test starts it"]
fn foreign_child() {
    let bed = Bed::new();
    bed.write("theirs/file", "ours");
    bed.write("mine", "1");
    let first = bed.snapshot();
    bed.write("theirs/file", "theirs");
    bed.write("mine", "2");
    for path in ["theirs/file", "theirs"] {
        chown(bed.at(path), Some(1234), Some(1234)).unwrap();
    }

    let restored = bed.restore(&first);
    let failed: Vec<_> = restored.failed.iter().map(|left| (left.path.to_str().unwrap(), left.why)).collect();
    assert_eq!(failed, [("theirs/file", Obstacle::Denied)]);
    assert_eq!(fs::read(bed.at("mine")).unwrap(), b"1");
    assert_eq!(fs::read(bed.at("theirs/file")).unwrap(), b"theirs");
    chown(bed.at("theirs"), Some(0), Some(0)).unwrap();
}
