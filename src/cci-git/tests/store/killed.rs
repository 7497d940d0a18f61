//! A restore that is killed at any moment is ended by the next one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cci_git::{Capture, Id, Restore, Snapshot, Store};

use crate::support::{Bed, again, look, place};

#[test]
#[ignore = "the other test starts and kills it"]
fn child() {
    let base = place();
    let wanted = fs::read_to_string(base.join("wanted")).unwrap();
    let (tree, stat) = wanted.split_once(' ').unwrap();
    let to = Snapshot { tree: tree.parse().unwrap(), stat: stat.parse().unwrap() };
    let store = Store::open(&base.join("store.git")).unwrap();
    let top = File::open(base.join("workspace")).unwrap();
    let how = Restore { ignore: &[], max_file: 1 << 20, cache: None, except: &[], reflog: "" };
    println!("begins");
    store.restore(&top, &to, &how).unwrap();
    println!("ended");
}

#[test]
#[ignore = "the other test starts and kills it"]
fn writing_child() {
    let base = place();
    let store = Store::open(&base.join("store.git")).unwrap();
    let kept = fs::read_to_string(base.join("wanted")).unwrap();
    let kept: Vec<Id> = kept.split(' ').map(|id| id.parse().unwrap()).collect();
    let top = File::open(base.join("workspace")).unwrap();
    let cache = base.join("cache");
    println!("begins");
    for _ in 0..3 {
        let how = Capture { ignore: &[], max_file: 1 << 20, cache: Some(&cache) };
        let new = store.capture(&top, &how).unwrap().snapshot;
        store.sync().unwrap();
        for file in 0..24 {
            store.write(format!("chunk {file}").as_bytes()).unwrap();
        }
        store.consolidate().unwrap();
        store.prune(kept.iter().copied().chain([new.tree, new.stat])).unwrap();
        fs::remove_file(&cache).unwrap();
        store.prune(kept.iter().copied()).unwrap();
    }
    println!("ended");
}

fn fill(bed: &Bed, turn: u32) {
    for file in 0..300 {
        bed.write(&format!("d{}/{}/f{file}", file % 20, (file + turn) % 3), format!("{file} in turn {turn}"));
    }
    for directory in 0..20 {
        bed.mode(&format!("d{directory}"), if turn == 0 { 0o755 } else { 0o555 });
    }
}

/// Lets the child work, and kills it after `limit`; how long it took if it was not killed.
fn work_and_kill(bed: &Bed, child: &str, to: Snapshot, limit: Duration) -> Option<Duration> {
    fs::write(bed.base.path().join("wanted"), format!("{} {}", to.tree, to.stat)).unwrap();
    let mut child = again(&[], child, bed.base.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told, hears) = channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains("begins") || line.contains("ended") {
                let _nobody_hears = told.send(());
            }
        }
    });
    hears.recv().unwrap();
    let begun = Instant::now();
    let killed = hears.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
    let took = begun.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    (!killed).then_some(took)
}

#[test]
fn a_killed_restore_is_ended_by_the_next() {
    let bed = Bed::in_memory();
    fill(&bed, 0);
    let (one, one_is) = (look(&bed.root), bed.snapshot());
    fill(&bed, 1);
    let two_is = bed.snapshot();
    let all = work_and_kill(&bed, "killed::child", one_is, Duration::from_secs(60)).expect("a minute is enough");
    assert_eq!(look(&bed.root), one);

    let mut left_behind = 0;
    for moment in 0..20_u32 {
        bed.restore_all(&two_is);
        // spread over the time that it takes, in no order
        work_and_kill(&bed, "killed::child", one_is, all * (moment * 13 % 20) / 20);
        let names = || look(&bed.root).into_keys().filter(|path| path.to_string_lossy().contains(".cci-restoring-"));
        left_behind += names().count();
        let held = bed.snapshot();
        let changes = bed.store.changes(&one_is, &held).unwrap();
        assert!(changes.iter().all(|change| !change.path.to_string_lossy().contains(".cci-restoring-")));
        bed.restore_all(&one_is);
        assert_eq!(look(&bed.root), one, "killed at moment {moment}");
    }
    println!("{left_behind} files were left behind and removed");
}

#[test]
fn a_killed_writer_harms_nothing_that_is_kept() {
    let bed = Bed::in_memory();
    fill(&bed, 0);
    let (one, one_is) = (look(&bed.root), bed.snapshot());
    fill(&bed, 1);
    let all =
        work_and_kill(&bed, "killed::writing_child", one_is, Duration::from_secs(60)).expect("a minute is enough");
    for moment in 0..20_u32 {
        bed.write("new", moment.to_string());
        work_and_kill(&bed, "killed::writing_child", one_is, all * (moment * 13 % 20) / 20);
        let store = Store::open(&bed.base.path().join("store.git")).unwrap();
        assert_eq!(store.verify([one_is.tree, one_is.stat]).unwrap(), [], "killed at moment {moment}");
        let top = File::open(&bed.root).unwrap();
        let cache = bed.cache();
        let how = Capture { ignore: &[], max_file: 1 << 20, cache: Some(&cache) };
        let new = store.capture(&top, &how).unwrap().snapshot;
        assert_eq!(store.verify([new.tree, new.stat]).unwrap(), [], "the cache of moment {moment}");
        store.prune([one_is.tree, one_is.stat]).unwrap();
        let files =
            fs::read_dir(bed.base.path().join("store.git/objects/pack")).unwrap().map(|file| file.unwrap().file_name());
        assert!(files.into_iter().all(|name| name.to_string_lossy().starts_with("pack-")));
    }
    let bed = Bed { store: Store::open(&bed.base.path().join("store.git")).unwrap(), ..bed };
    bed.restore_all(&one_is);
    assert_eq!(look(&bed.root), one);
}
