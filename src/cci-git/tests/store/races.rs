//! Directories that are replaced by links, and files that change, while a capture or a restore is on its way.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cci_git::{Capture, Restore};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::support::{Bed, look};

/// How often each is tried while the other thread swaps.
const ROUNDS: usize = 60;

/// Does `work` while another thread does `disturb` again and again.
fn meanwhile(disturb: impl Fn() + Sync, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                disturb();
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    let bed = Bed::new();
    let outside = bed.base.path().join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    for file in 0..20 {
        fs::write(outside.join(format!("deep/f{file}")), format!("secret {file}")).unwrap();
        bed.write(&format!("dir/deep/f{file}"), format!("first {file}"));
    }
    let first = bed.snapshot();
    for file in 0..20 {
        bed.write(&format!("dir/deep/f{file}"), format!("second {file}"));
        bed.write(&format!("dir/deep/new{file}"), "new");
    }
    let second = bed.snapshot();
    symlink(&outside, bed.base.path().join("link")).unwrap();
    let before = look(&outside);

    let (dir, link) = (bed.at("dir"), bed.base.path().join("link"));
    let swap = |one: &Path, other: &Path| {
        let _raced = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
    };
    let top = File::open(&bed.root).unwrap();
    meanwhile(
        || swap(&dir, &link),
        || {
            for round in 0..ROUNDS {
                let how = Capture { ignore: &[], max_file: 1 << 20, cache: None };
                bed.store.capture(&top, &how).unwrap();
                let how = Restore { ignore: &[], max_file: 1 << 20, cache: None, except: &[], reflog: "" };
                drop(bed.store.restore(&top, if round % 2 == 0 { &first } else { &second }, &how).unwrap());
            }
        },
    );
    assert_eq!(look(&outside), before, "nothing outside was touched");
    let secrets = Bed::new().store.write_all((0..20).map(|file| format!("secret {file}"))).unwrap();
    assert!(secrets.iter().all(|secret| !bed.store.contains(*secret)), "nothing outside was read");
}

#[test]
fn a_file_that_changes_meanwhile_is_held_as_it_was_once_or_noted() {
    let bed = Bed::new();
    let states: Vec<Vec<u8>> = (0..4_u8).map(|state| vec![state; 200_000 + usize::from(state)]).collect();
    fs::write(bed.at("file"), &states[0]).unwrap();
    let ids = Bed::new().store.write_all(&states).unwrap();
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let path = bed.at("file");
    let top = File::open(&bed.root).unwrap();
    let empty = Bed::new();
    empty.write("file", "");
    meanwhile(
        || {
            // in one step, so that each content is one of the four
            let staged = bed.base.path().join("staged");
            fs::write(&staged, &states[turn.fetch_add(1, Ordering::Relaxed) % 4]).unwrap();
            fs::rename(&staged, &path).unwrap();
        },
        || {
            let nothing = bed.store.capture(&File::open(&empty.root).unwrap(), &capture()).unwrap().snapshot;
            for _ in 0..ROUNDS {
                let captured = bed.store.capture(&top, &capture()).unwrap();
                if captured.not_held.is_empty() {
                    let changes = bed.store.changes(&nothing, &captured.snapshot).unwrap();
                    let id = changes.iter().find(|change| change.path == Path::new("file")).unwrap().new.unwrap().id;
                    assert!(ids.contains(&id.unwrap()));
                }
            }
        },
    );
}

#[test]
fn a_file_that_grows_meanwhile_is_no_error() {
    let bed = Bed::new();
    bed.write("log", "");
    bed.write("other", "1");
    let top = File::open(&bed.root).unwrap();
    let path = bed.at("log");
    meanwhile(
        || {
            if fs::metadata(&path).unwrap().len() > 1 << 20 {
                fs::write(&path, "").unwrap();
            }
            std::io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&path).unwrap(), b"line\n")
                .unwrap();
        },
        || {
            for _ in 0..ROUNDS {
                let captured = bed.store.capture(&top, &capture()).unwrap();
                assert_eq!(captured.files + captured.not_held.len() as u64, 2);
                assert_eq!(bed.store.verify([captured.snapshot.tree, captured.snapshot.stat]).unwrap(), []);
            }
        },
    );
}

fn capture() -> Capture<'static> {
    Capture { ignore: &[], max_file: 1 << 20, cache: None }
}

#[test]
fn of_two_writers_at_once_none_forgets_what_the_other_wrote() {
    let bed = Bed::in_memory();
    for round in 0..200 {
        let write = |who| bed.store.write(format!("{who} {round}").as_bytes()).unwrap();
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| write("other"));
            (write("one"), other.join().unwrap())
        });
        assert!(bed.store.contains(one) && bed.store.contains(other), "round {round}");
    }
}
