//! Workspaces that an attacker made.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use cci_git::{Capture, Special, Why};
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};

use crate::support::{Bed, look};

#[test]
fn links_are_kept_and_never_followed() {
    let bed = Bed::new();
    let outside = bed.base.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "never in the store").unwrap();
    let before = look(&outside);
    for (target, name) in [(outside.to_str().unwrap(), "dir"), ("../outside/secret", "file"), ("/etc/passwd", "passwd")]
    {
        symlink(target, bed.root.join(name)).unwrap();
    }
    bed.write("real/inner/file", "inside");
    let (with_links, first) = (look(&bed.root), bed.capture());
    assert_eq!(first.files, 4);

    // where links were, directories come, and the other way round
    fs::remove_file(bed.at("dir")).unwrap();
    bed.write("dir/secret", "inside");
    fs::remove_dir_all(bed.at("real")).unwrap();
    symlink(&outside, bed.at("real")).unwrap();
    fs::create_dir(outside.join("inner")).unwrap();
    let second = bed.snapshot();
    bed.restore_all(&first.snapshot);
    assert_eq!(look(&bed.root), with_links);
    fs::remove_dir(outside.join("inner")).unwrap();
    let mut after = look(&outside);
    after.insert("".into(), before[Path::new("")].clone());
    assert_eq!(after, before);
    bed.restore_all(&second);
    assert!(bed.at("real").is_symlink());

    let secret = Bed::new().store.write(b"never in the store").unwrap();
    assert!(!bed.store.contains(secret));
}

#[test]
fn fifos_sockets_and_devices_are_noted_and_not_opened() {
    let bed = Bed::new();
    bed.write("file", "");
    let node = |name: &str, kind| mknodat(CWD, bed.at(name), kind, Mode::from_raw_mode(0o600), 0);
    node("fifo", FileType::Fifo).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bed.at("socket")).unwrap();
    let devices = node("device", FileType::CharacterDevice).is_ok();
    let first = bed.capture();
    let told: Vec<_> = first.not_held.iter().map(|not| (not.path.to_str().unwrap(), not.why)).collect();
    let mut expected = vec![("fifo", Why::Special(Special::Fifo)), ("socket", Why::Special(Special::Socket))];
    if devices {
        expected.insert(0, ("device", Why::Special(Special::Device)));
    }
    assert_eq!(told, expected);

    fs::remove_file(bed.at("file")).unwrap();
    node("file", FileType::Fifo).unwrap();
    node("later", FileType::Fifo).unwrap();
    let restored = bed.restore(&first.snapshot);
    assert_eq!(restored.kept.iter().map(|left| left.path.as_path()).collect::<Vec<_>>(), [Path::new("later")]);
    assert!(bed.at("file").is_file());
    assert!(!bed.at("fifo").is_file());
}

#[test]
fn a_sparse_file_of_10_gb_costs_nothing() {
    let bed = Bed::new();
    File::create(bed.at("sparse")).unwrap().set_len(10 << 30).unwrap();
    let first = bed.capture();
    assert_eq!((first.files, first.bytes), (0, 0));
    assert_eq!(first.not_held[0].why, Why::TooLarge);
    bed.restore_all(&first.snapshot);
    assert_eq!(fs::metadata(bed.at("sparse")).unwrap().len(), 10 << 30);
    assert!(bed.store.size().unwrap() < 1 << 20);
}

#[test]
fn a_tree_of_thousands_of_levels_is_captured_and_restored() {
    const LEVELS: usize = 3000;
    let bed = Bed::new();
    let empty = bed.snapshot();
    let open =
        |dir: &std::os::fd::OwnedFd, name: &str| openat(dir, name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty());
    let mut dir = openat(CWD, &bed.root, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    for level in 0..LEVELS {
        mkdirat(&dir, "down", Mode::RWXU).unwrap();
        mkdirat(&dir, "beside", Mode::RWXU).unwrap();
        dir = open(&dir, "down").unwrap();
        if level % 1000 == 0 {
            drop(openat(&dir, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap());
        }
    }
    drop(dir);
    let full = bed.capture();
    assert_eq!((full.files, full.not_held.len()), (3, 0));
    let gone = bed.restore_all(&empty);
    assert_eq!(gone.removed, 2 * LEVELS as u64 + 3);
    assert_eq!(fs::read_dir(&bed.root).unwrap().count(), 0);
    let back = bed.restore_all(&full.snapshot);
    assert_eq!(back.written, 2 * LEVELS as u64 + 3);
    assert_eq!(bed.snapshot(), full.snapshot);
    // nothing else can remove it
    bed.restore_all(&empty);
}

#[test]
fn files_with_two_names_are_not_written_through() {
    let bed = Bed::new();
    bed.write("one", "first");
    bed.mode("one", 0o644);
    fs::hard_link(bed.at("one"), bed.base.path().join("outside")).unwrap();
    fs::hard_link(bed.at("one"), bed.at("two")).unwrap();
    let (before, first) = (look(&bed.root), bed.snapshot());
    fs::write(bed.at("one"), "second").unwrap();
    bed.mode("one", 0o600);
    bed.restore_all(&first);
    assert_eq!(look(&bed.root), before);
    assert_eq!(fs::read(bed.base.path().join("outside")).unwrap(), b"second");
}

#[test]
fn names_like_our_own_are_files_as_any_other() {
    let bed = Bed::new();
    bed.write(".cci-restoring-0123456789abcdef-0123456789abcdef01234567", "a guess");
    bed.write("secret.new", "");
    assert_eq!(bed.capture().files, 2);
}

#[test]
fn a_broken_cache_makes_no_difference() {
    let bed = Bed::new();
    bed.write("a/b", "content");
    let first = bed.snapshot();
    let good = fs::read(bed.cache()).unwrap();
    for broken in [b"".to_vec(), good[..good.len() - 1].to_vec(), vec![0xff; good.len()], {
        let mut flipped = good.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        flipped
    }] {
        fs::write(bed.cache(), broken).unwrap();
        assert_eq!(bed.snapshot(), first);
    }
    // nor does one that a different store or directory had
    let other = Bed::new();
    other.write("a/b", "other content");
    other.snapshot();
    fs::copy(other.cache(), bed.cache()).unwrap();
    let top = File::open(&bed.root).unwrap();
    let cache = bed.cache();
    let how = Capture { ignore: &[], max_file: 1 << 20, cache: Some(&cache) };
    assert_eq!(bed.store.capture(&top, &how).unwrap().snapshot, first);
    assert_eq!(bed.store.verify([first.tree, first.stat]).unwrap(), []);
}

#[test]
fn what_is_no_pattern_is_told() {
    let mut bed = Bed::new();
    bed.ignore = vec!["[z-a]".to_owned()];
    let top = File::open(&bed.root).unwrap();
    let how = Capture { ignore: &bed.ignore, max_file: 1, cache: None };
    let error = bed.store.capture(&top, &how).unwrap_err().to_string();
    assert!(error.contains("[z-a]"), "{error}");
}
