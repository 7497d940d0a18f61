//! What was captured comes back: bytes, modes, links, empty directories and times.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use cci_git::{Change, ChangeKind, Store};

use crate::support::{Bed, look};

fn filled() -> Bed {
    let bed = Bed::new();
    bed.write("README", "read me\n");
    bed.write("src/main.rs", "fn main() {}\n");
    bed.write("src/deep/er/file", [0_u8, 159, 146, 150]);
    bed.write("bin/run", "#!/bin/sh\n");
    bed.write("crlf", "a\r\nb\r\n");
    bed.write(".gitattributes", "* text=auto\n*.bin filter=lfs\n");
    bed.write("large.bin", vec![7_u8; 9 << 20]);
    bed.directory("empty/inner");
    bed.link("../outside/of/it", "src/link");
    bed.link("README", "readme");
    bed.mode("bin/run", 0o755);
    bed.mode("README", 0o440);
    bed.mode("empty", 0o2775);
    bed.mtime("README", 1_000_000_000, 123_456_789);
    bed.mtime("src/deep", 1_000_000_001, 1);
    bed
}

#[test]
fn everything_comes_back() {
    let bed = filled();
    let (before, first) = (look(&bed.root), bed.capture());
    assert_eq!((first.files, first.not_held.len()), (9, 0));

    fs::remove_dir_all(bed.at("src")).unwrap();
    fs::remove_file(bed.at("readme")).unwrap();
    bed.write("readme/now/a/directory", "");
    bed.write("bin/run", "#!/bin/false\n");
    bed.mode("bin/run", 0o600);
    fs::remove_dir(bed.at("empty/inner")).unwrap();
    bed.write("empty/inner", "now a file");
    bed.write("new/one", "new");
    bed.mode(".", 0o700);
    let (after, second) = (look(&bed.root), bed.snapshot());

    bed.restore_all(&first.snapshot);
    assert_eq!(look(&bed.root), before);
    assert_eq!(bed.snapshot(), first.snapshot, "the same content has the same ids");
    bed.restore_all(&second);
    assert_eq!(look(&bed.root), after);
}

#[test]
fn a_restore_writes_only_what_differs() {
    let bed = filled();
    let first = bed.snapshot();
    let same = bed.restore_all(&first);
    assert_eq!((same.written, same.removed, same.adjusted), (0, 0, 0));

    bed.write("src/main.rs", "fn main() { panic!() }\n");
    bed.mtime("crlf", 5, 5);
    bed.write("new", "");
    let one = bed.restore_all(&first);
    assert_eq!((one.written, one.removed), (1, 1), "{one:?}");
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let bed = Bed::new();
    bed.write("a", "before");
    bed.mtime("a", 1_000, 0);
    let first = bed.snapshot();
    bed.write("a", "behind");
    bed.mtime("a", 1_000, 0);
    assert_ne!(bed.snapshot(), first);
    bed.restore_all(&first);
    assert_eq!(fs::read(bed.at("a")).unwrap(), b"before");
}

#[test]
fn changes_name_what_differs_and_nothing_else() {
    let bed = filled();
    let first = bed.snapshot();
    assert_eq!(bed.store.changes(&first, &first).unwrap(), []);

    bed.mtime("README", 3, 3);
    bed.write("crlf", "other");
    bed.mode("bin/run", 0o644);
    fs::remove_file(bed.at("readme")).unwrap();
    bed.write("readme", "a file");
    fs::remove_file(bed.at("src/deep/er/file")).unwrap();
    bed.write("n/e/w", "");
    bed.directory("n/empty");
    let second = bed.snapshot();

    let changes = bed.store.changes(&first, &second).unwrap();
    let told: Vec<(&Path, ChangeKind)> = changes.iter().map(|change| (&*change.path, change.kind)).collect();
    let expected = [
        ("bin/run", ChangeKind::ModeChanged),
        ("crlf", ChangeKind::Modified),
        ("n/e/w", ChangeKind::Added),
        ("n/empty", ChangeKind::Added),
        ("readme", ChangeKind::Retyped),
        ("src/deep/er/file", ChangeKind::Deleted),
    ];
    assert_eq!(told, expected.map(|(path, kind)| (Path::new(path), kind)));
    let content = |change: &Change| bed.store.read(change.new.unwrap().id.unwrap()).unwrap();
    assert_eq!(content(&changes[1]), b"other");
}

#[test]
fn a_store_is_read_by_the_next_process() {
    let bed = filled();
    let (before, first) = (look(&bed.root), bed.snapshot());
    bed.store.sync().unwrap();
    let again = Store::open(&bed.base.path().join("store.git")).unwrap();
    let fork = bed.base.path().join("fork");
    fs::create_dir(&fork).unwrap();
    let restored = again.materialise(&File::open(&fork).unwrap(), &first, &[OsStr::new("bin")]).unwrap();
    assert_eq!(restored.failed, []);
    let without: Vec<_> = before.iter().filter(|(path, _)| !path.starts_with("bin")).collect();
    let copy = look(&fork);
    assert_eq!(copy.iter().collect::<Vec<_>>(), without);
}

#[test]
fn ignored_files_are_neither_held_nor_touched() {
    let mut bed = Bed::new();
    bed.ignore = vec!["*.log".to_owned(), "/target/".to_owned(), "!keep.log".to_owned()];
    bed.write("a.log", "1");
    bed.write("keep.log", "1");
    bed.write("target/x", "1");
    bed.write("sub/target/x", "1");
    bed.write("sub/b.log", "1");
    let first = bed.capture();
    assert_eq!((first.files, first.not_held.len()), (2, 0));

    bed.write("a.log", "2");
    bed.write("keep.log", "2");
    bed.write("target/y", "2");
    bed.write("sub/target/x", "2");
    bed.write("new/c.log", "2");
    bed.write("new/d", "2");
    // patterns that have changed since protect what they matched then, too
    bed.ignore = vec!["secret".to_owned()];
    bed.write("secret", "2");
    bed.restore(&first.snapshot);
    let read = |path: &str| fs::read_to_string(bed.at(path)).unwrap();
    assert_eq!(["a.log", "target/y", "new/c.log", "secret"].map(read), ["2"; 4]);
    assert_eq!(["keep.log", "sub/target/x"].map(read), ["1"; 2]);
    assert!(!bed.at("new/d").exists());
}

#[test]
fn what_a_restore_cannot_bring_back_stays() {
    let mut bed = Bed::new();
    bed.max_file = 1000;
    bed.write("grows", "small");
    bed.write("large", vec![1; 2000]);
    let first = bed.capture();
    assert_eq!(first.not_held.iter().map(|not| not.path.clone()).collect::<Vec<PathBuf>>(), [Path::new("large")]);

    bed.write("grows", vec![2; 2000]);
    bed.write("large", vec![2; 10]);
    bed.write("new/huge", vec![3; 2000]);
    bed.write("new/small", "");
    let restored = bed.restore(&first.snapshot);
    assert_eq!(fs::read(bed.at("large")).unwrap(), [2; 10], "not held, so not touched");
    assert_eq!(fs::read(bed.at("grows")).unwrap(), [2; 2000], "above the limit now");
    assert_eq!(fs::read(bed.at("new/huge")).unwrap(), [3; 2000]);
    assert!(!bed.at("new/small").exists());
    assert_eq!(restored.failed.iter().map(|left| left.path.clone()).collect::<Vec<PathBuf>>(), [Path::new("grows")]);
    let kept: Vec<_> = restored.kept.iter().map(|left| left.path.clone()).collect();
    assert_eq!(kept, [Path::new("new"), Path::new("new/huge")]);
}

#[test]
fn names_are_bytes() {
    let bed = Bed::new();
    for name in [&b"new\nline"[..], b"\xff\xfe", b" ", b"=", b"+=", b"ignored", b"a b", "ä".as_bytes(), b"!"] {
        fs::write(bed.root.join(OsStr::from_bytes(name)), name).unwrap();
        let directory = [b"d".as_slice(), name].concat();
        fs::create_dir(bed.root.join(OsStr::from_bytes(&directory))).unwrap();
        fs::write(bed.root.join(OsStr::from_bytes(&directory)).join(OsStr::from_bytes(name)), b"").unwrap();
    }
    let (before, first) = (look(&bed.root), bed.snapshot());
    for entry in fs::read_dir(&bed.root).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        } else {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    bed.restore_all(&first);
    assert_eq!(look(&bed.root), before);
}

#[test]
fn blobs_of_others_are_in_the_same_store() {
    let bed = Bed::new();
    let chunks: Vec<Vec<u8>> = (0..5_u8).map(|chunk| vec![chunk; 64 << 10]).collect();
    let ids = bed.store.write_all(&chunks).unwrap();
    let read: Vec<Vec<u8>> = ids.iter().map(|id| bed.store.read(*id).unwrap()).collect();
    assert_eq!(read, chunks);
    assert_eq!(bed.store.write(&chunks[3]).unwrap(), ids[3]);
    assert!(bed.store.read("00".repeat(20).parse().unwrap()).is_err());
}
