//! Prints how long the store takes for a workspace of so many files, beside git's own commands, and how its disk use grows.
//!
//! `cargo run --release -p cci-git --example measure -- DIRECTORY FILES [CAPTURES]`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::similar_names, reason = "it is a measurement")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cci_git::{Capture, Restore, Snapshot, Store};

/// Files in a directory, and directories in one.
const WIDTH: usize = 12;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let base = Path::new(&arguments[1]);
    let files: usize = arguments[2].parse().unwrap();
    let captures: usize = arguments.get(3).map_or(0, |count| count.parse().unwrap());
    let root = base.join("workspace");
    fill(&root, files);
    let store = Store::open(&base.join("store.git")).unwrap();
    let cache = base.join("cache");
    let top = File::open(&root).unwrap();
    let how = Capture { ignore: &[], max_file: 256 << 20, cache: Some(&cache) };
    let capture = || store.capture(&top, &how).unwrap();
    println!("{files} files");

    let (took, first) = timed(capture);
    row("first capture", took, &format!("{} MB -> {} MB", first.bytes >> 20, store.size().unwrap() >> 20));
    row("  flush", timed(|| store.sync().unwrap()).0, "");
    settle(&root);
    timed(capture);
    for _ in 0..3 {
        row("nothing changed", timed(capture).0, "");
    }
    let mut last = first.snapshot;
    for turn in 0..3 {
        change(&root, files, turn, 20);
        let (took, captured) = timed(capture);
        row("20 files changed", took, "");
        row("  flush", timed(|| store.sync().unwrap()).0, "");
        let (took, changes) = timed(|| store.changes(&last, &captured.snapshot).unwrap());
        row("  changes", took, &changes.len().to_string());
        last = captured.snapshot;
    }
    for _ in 0..2 {
        let (took, done) = timed(|| restore(&store, &top, &first.snapshot, &cache));
        row("restore of 60 files", took, &format!("{} written", done.written));
        capture();
        restore(&store, &top, &last, &cache);
        capture();
    }
    row("restore of nothing", timed(|| restore(&store, &top, &last, &cache)).0, "");
    let fork = base.join("fork");
    fs::create_dir(&fork).unwrap();
    row("materialise", timed(|| store.materialise(&File::open(&fork).unwrap(), &last, &[]).unwrap()).0, "");
    row("verify", timed(|| store.verify([last.tree, last.stat]).unwrap()).0, "");
    many(&store, &root, &how, files, captures);
    git(base, &root, files);
}

/// Captures again and again, a megabyte changed each time.
fn many(store: &Store, root: &Path, how: &Capture<'_>, files: usize, captures: usize) {
    if captures == 0 {
        return;
    }
    let top = File::open(root).unwrap();
    let before = store.size().unwrap();
    let mut all: Vec<Snapshot> = Vec::new();
    let (mut captured, mut merged) = (Vec::new(), Vec::new());
    for turn in 0..captures {
        for part in 0..20 {
            fs::write(file(root, (turn + part * 31) % files), noise(turn * 20 + part, 50 << 10)).unwrap();
        }
        let (took, one) = timed(|| store.capture(&top, how).unwrap());
        captured.push(took);
        all.push(one.snapshot);
        merged.push(timed(|| store.consolidate().unwrap()).0);
    }
    captured.sort();
    row("capture of 1 MB, median", captured[captures / 2], &format!("the longest {:?}", captured[captures - 1]));
    row("consolidation, longest", *merged.iter().max().unwrap(), "");
    println!("{captures} captures of 1 MB take {} MB", (store.size().unwrap() - before) >> 20);
    let keep = &all[captures / 2..];
    let (took, freed) = timed(|| store.prune(keep.iter().flat_map(|one| [one.tree, one.stat])).unwrap());
    row("prune of half of them", took, &format!("{} objects, {} MB", freed.objects, freed.bytes >> 20));
    row("capture after it", timed(|| store.capture(&top, how).unwrap()).0, "");
}

/// The same by git's commands, with an index of its own.
fn git(base: &Path, root: &Path, files: usize) {
    let run = |words: &[&str]| {
        let ran = Command::new("git")
            .args(["-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"])
            .args(words)
            .env("GIT_DIR", base.join("other.git"))
            .env("GIT_WORK_TREE", root)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    run(&["init", "-q"]);
    let both = || {
        run(&["add", "-A", "-f"]);
        run(&["write-tree"]);
    };
    row("git: first", timed(both).0, "");
    settle(root);
    row("git: nothing changed", timed(both).0, "");
    row("git: nothing changed", timed(both).0, "");
    change(root, files, 9, 20);
    row("git: 20 files changed", timed(both).0, "");
}

fn restore(store: &Store, top: &File, to: &Snapshot, cache: &Path) -> cci_git::Restored {
    let how = Restore { ignore: &[], max_file: 256 << 20, cache: Some(cache), except: &[], reflog: "" };
    store.restore(top, to, &how).unwrap()
}

fn file(root: &Path, number: usize) -> std::path::PathBuf {
    let (above, below) = (number / WIDTH / WIDTH, number / WIDTH);
    root.join(format!("d{above}/d{below}/file{number}.rs"))
}

/// Files of 4 KB on average, as compressible as source text.
fn fill(root: &Path, files: usize) {
    for number in 0..files {
        let path = file(root, number);
        if number % WIDTH == 0 {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        fs::write(path, text(number, 200 + number * 7919 % 7700)).unwrap();
    }
}

fn change(root: &Path, files: usize, turn: usize, count: usize) {
    for part in 0..count {
        fs::write(file(root, part * (files / count) + turn), text(files + turn * count + part, 4000)).unwrap();
    }
}

/// Waits until the kernel's clock has gone on, so that no file is too young for the cache.
fn settle(root: &Path) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2100) {
        fs::read_dir(root).unwrap().for_each(drop);
    }
}

fn text(seed: usize, length: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "let ", "fn ", "self.", "return ", "match ", "    ", "\n", "();\n", "value", "name", " = ", "Some(", "error",
        "{\n", "}\n", "0x",
    ];
    let noise = noise(seed, length / 2);
    let mut out = Vec::with_capacity(length + 8);
    for byte in noise {
        out.extend_from_slice(WORDS[usize::from(byte & 15)].as_bytes());
        if byte > 160 {
            out.extend_from_slice(byte.to_string().as_bytes());
        }
        if out.len() >= length {
            break;
        }
    }
    out
}

fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

fn row(what: &str, took: Duration, note: &str) {
    println!("{what:28} {:9.1} ms  {note}", took.as_secs_f64() * 1000.0);
}
