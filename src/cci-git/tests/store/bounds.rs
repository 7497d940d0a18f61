//! How much there may be: files, and captures.

use std::fs;

use cci_git::Capture;

use crate::support::{Bed, look};

#[test]
fn a_hundred_thousand_files_are_a_workspace_as_any_other() {
    let bed = Bed::in_memory();
    for directory in 0..10 {
        bed.directory(&format!("d{directory}"));
        for file in 0..10_000 {
            fs::write(bed.at(&format!("d{directory}/f{file}")), (file % 7).to_string()).unwrap();
        }
    }
    let cache = bed.cache();
    let how = Capture { ignore: &[], max_file: 1 << 20, cache: Some(&cache) };
    let first = bed.store.capture(&fs::File::open(&bed.root).unwrap(), &how).unwrap();
    assert_eq!((first.files, first.bytes), (100_000, 100_000));
    let before = look(&bed.at("d3"));
    fs::remove_dir_all(bed.at("d3")).unwrap();
    bed.restore_all(&first.snapshot);
    assert_eq!(look(&bed.at("d3")), before);
}

#[test]
fn two_hundred_captures_of_a_changed_megabyte_take_less_than_300_mb() {
    let bed = Bed::in_memory();
    for file in 0..2000 {
        bed.write(&format!("d{}/f{file}", file % 50), file.to_string());
    }
    let mut noise = 1_u64;
    let mut snapshots = Vec::new();
    for turn in 0..200 {
        for part in 0..20 {
            let bytes: Vec<u8> = (0..50 << 7)
                .flat_map(|_| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (noise ^ noise >> 29).to_le_bytes()
                })
                .collect();
            bed.write(&format!("d{part}/f{}", part + 50 * (turn % 3)), bytes);
        }
        let top = fs::File::open(&bed.root).unwrap();
        let cache = bed.cache();
        let how = Capture { ignore: &[], max_file: 1 << 20, cache: Some(&cache) };
        snapshots.push(bed.store.capture(&top, &how).unwrap().snapshot);
        bed.store.consolidate().unwrap();
    }
    let size = bed.store.size().unwrap();
    assert!(size < 300 << 20, "{size}");
    let packs = fs::read_dir(bed.base.path().join("store.git/objects/pack")).unwrap().count();
    assert!(packs < 120, "{packs}");

    // the older half is thinned away, and its part of the disk is free again
    let kept = &snapshots[100..];
    bed.store.prune(kept.iter().flat_map(|snapshot| [snapshot.tree, snapshot.stat])).unwrap();
    assert!(bed.store.size().unwrap() < size * 2 / 3);
    assert_eq!(bed.store.verify(kept.iter().flat_map(|snapshot| [snapshot.tree, snapshot.stat])).unwrap(), []);
}
