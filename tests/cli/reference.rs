//! The pages in `misc` that are generated from the program are up to date.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::host;

const FIX: &str = "run `cargo run -- reference misc` and commit what changed";

fn files(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let named =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()));
    named.collect()
}

#[test]
fn the_manual_and_the_error_codes_are_up_to_date() {
    let misc = Path::new(env!("CARGO_MANIFEST_DIR")).join("misc");
    let host = host();
    host.cci(&["reference", &host.proj.display().to_string()]).ok();
    let (made, kept) = (files(&host.proj.join("man")), files(&misc.join("man")));
    assert!(made.keys().eq(kept.keys()), "{FIX}:\n{:?}\n{:?}", made.keys(), kept.keys());
    for (name, page) in &made {
        assert!(*page == kept[name], "misc/man/{name} is out of date: {FIX}");
    }
    let codes = |dir: &Path| fs::read_to_string(dir.join("error-codes.md")).unwrap();
    assert!(codes(&host.proj) == codes(&misc), "misc/error-codes.md is out of date: {FIX}");
}

#[test]
fn a_manual_page_reads_as_one() {
    let host = host();
    host.cci(&["reference", &host.proj.display().to_string()]).ok();
    let pages = files(&host.proj.join("man"));
    assert!(pages.contains_key("cci.1") && pages.contains_key("cci-image-list.1"), "{:?}", pages.keys());
    for (name, page) in &pages {
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH FLAGS", "Examples:"] {
            assert!(page.contains(part), "{name} has no {part}");
        }
    }
}
