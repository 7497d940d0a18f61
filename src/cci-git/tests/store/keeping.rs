//! The store as such: git can read it, what nobody keeps goes, damage is found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use cci_git::{Fault, Snapshot, Store};

use crate::support::{Bed, look};

fn both(snapshot: Snapshot) -> [cci_git::Id; 2] {
    [snapshot.tree, snapshot.stat]
}

fn git(bed: &Bed, words: &[&str]) -> String {
    let ran = Command::new("git")
        .arg("--git-dir")
        .arg(bed.base.path().join("store.git"))
        .args(words)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {told}");
    told
}

fn packs(bed: &Bed) -> Vec<PathBuf> {
    let all = fs::read_dir(bed.base.path().join("store.git/objects/pack")).unwrap();
    all.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "pack")).collect()
}

#[test]
fn git_finds_nothing_wrong_and_reads_the_tree() {
    let bed = Bed::new();
    bed.write("a.txt", "text");
    bed.write("a/b", vec![9; 9 << 20]);
    bed.write("a-b", "order");
    bed.directory("empty");
    bed.link("a/b", "l");
    bed.mode("a-b", 0o755);
    let first = bed.snapshot();
    git(&bed, &["fsck", "--full", "--strict", "--no-dangling"]);
    let listed = git(&bed, &["ls-tree", "-r", "-t", "--name-only", &first.tree.to_string()]);
    assert_eq!(listed, "a-b\na.txt\na\na/b\nempty\nl\n");
    assert_eq!(git(&bed, &["cat-file", "blob", &format!("{}:a.txt", first.tree)]), "text");

    // git may even repack it with deltas
    for turn in 0..30 {
        bed.write("a.txt", format!("text {turn}"));
        bed.snapshot();
    }
    bed.store.consolidate().unwrap();
    assert!(packs(&bed).len() < 6, "{:?}", packs(&bed));
    git(&bed, &["fsck", "--full", "--strict", "--no-dangling"]);
}

#[test]
fn the_store_is_for_its_owner_only() {
    let bed = Bed::new();
    let mode = |path: &str| fs::metadata(bed.base.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("store.git"), 0o700);
    assert_eq!(mode("store.git/secret"), 0o600);
}

#[test]
fn what_nobody_keeps_is_removed_and_the_rest_is_whole() {
    let bed = Bed::new();
    bed.write("same", "same");
    bed.write("large", vec![1; 9 << 20]);
    let first = bed.snapshot();
    let chunk = bed.store.write(b"somebody's chunk").unwrap();
    let gone = bed.store.write(b"nobody's chunk").unwrap();
    fs::remove_file(bed.at("large")).unwrap();
    bed.write("new", "new");
    let second = bed.snapshot();
    fs::write(bed.base.path().join("store.git/objects/pack/tmp_left"), "by a killed writer").unwrap();

    let large = bed.store.changes(&second, &first).unwrap()[0].new.unwrap().id.unwrap();
    let freed = bed.store.prune(both(second).into_iter().chain([chunk])).unwrap();
    assert!(freed.objects > 0 && freed.bytes > 0, "{freed:?}");
    assert!(!bed.store.contains(large) && !bed.store.contains(gone));
    assert_eq!(bed.store.verify(both(second).into_iter().chain([chunk])).unwrap(), []);
    assert!(!bed.base.path().join("store.git/objects/pack/tmp_left").exists());
    assert_ne!(bed.store.verify(both(first)).unwrap(), []);

    // the cache still names what is gone: it must be stored again
    bed.write("large", vec![1; 9 << 20]);
    let third = bed.snapshot();
    assert_eq!(bed.store.verify(both(third)).unwrap(), []);
    bed.store.prune([]).unwrap();
    assert_eq!(bed.snapshot(), third);
    assert_eq!(bed.store.verify(both(third)).unwrap(), []);
    assert_eq!(bed.store.prune(both(third)).unwrap().objects, 0);
}

#[test]
fn merged_packs_have_everything_and_the_cache_stays_good() {
    let bed = Bed::new();
    let mut all = Vec::new();
    for turn in 0..60 {
        bed.write("file", turn.to_string());
        all.push((bed.snapshot(), look(&bed.root)));
        bed.store.consolidate().unwrap();
    }
    assert!(packs(&bed).len() < 30, "{}", packs(&bed).len());
    assert_eq!(bed.store.verify(all.iter().flat_map(|(snapshot, _)| both(*snapshot))).unwrap(), []);
    for (snapshot, was) in [&all[0], &all[31], &all[59]] {
        bed.restore_all(snapshot);
        assert_eq!(look(&bed.root), *was);
    }
}

#[test]
fn damage_and_loss_are_found() {
    let bed = Bed::new();
    bed.write("a", "a content that is long enough to be somewhere in the pack");
    bed.write("b", "another");
    let first = bed.snapshot();
    assert_eq!(bed.store.verify(both(first)).unwrap(), []);
    let lost: cci_git::Id = "11".repeat(20).parse().unwrap();
    assert_eq!(bed.store.verify([lost]).unwrap()[0].fault, Fault::Missing);

    let pack = packs(&bed).remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    for byte in &mut bytes[14..40] {
        *byte ^= 0x55;
    }
    fs::remove_file(&pack).unwrap();
    fs::write(&pack, bytes).unwrap();
    let again = Store::open(&bed.base.path().join("store.git")).unwrap();
    let problems = again.verify(both(first)).unwrap();
    assert!(problems.iter().any(|problem| matches!(problem.fault, Fault::Damaged(_))), "{problems:?}");
}

#[test]
fn a_pack_that_lost_its_end_is_no_pack() {
    let bed = Bed::new();
    bed.write("a", "first");
    let first = bed.snapshot();
    let whole = packs(&bed);
    bed.write("a", "second");
    let second = bed.snapshot();
    let cut = packs(&bed).into_iter().find(|pack| !whole.contains(pack)).unwrap();
    let bytes = fs::read(&cut).unwrap();
    fs::remove_file(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();

    let again = Store::open(&bed.base.path().join("store.git")).unwrap();
    assert_eq!(again.verify(both(first)).unwrap(), []);
    assert_ne!(again.verify(both(second)).unwrap(), []);
    let bed = Bed { store: again, ..bed };
    assert_eq!(bed.snapshot(), second, "the cache is not believed");
    assert_eq!(bed.store.verify(both(second)).unwrap(), []);
    bed.store.prune(both(second)).unwrap();
    git(&bed, &["fsck", "--full", "--strict", "--no-dangling"]);
}

#[test]
fn who_reads_is_not_disturbed_by_a_merge() {
    let bed = Bed::new();
    let mut all = Vec::new();
    for turn in 0..23 {
        bed.write("file", turn.to_string());
        all.push(bed.snapshot());
    }
    let reader = Store::open(&bed.base.path().join("store.git")).unwrap();
    bed.write("file", "last");
    bed.snapshot();
    bed.store.consolidate().unwrap();
    assert_eq!(packs(&bed).len(), 1);
    assert_eq!(reader.verify(all.into_iter().flat_map(both)).unwrap(), []);
}
