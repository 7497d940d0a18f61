//! The script in the README, as it is printed there.

use std::path::Path;

use crate::support::host::{Host, U1000, run};

/// The one block that is a whole script.
fn script() -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, behind) = readme.split_once("```bash\n#!/usr/bin/env bash\n").expect("the script is in the README");
    behind.split_once("```").expect("the block ends").0.to_owned()
}

#[test]
fn the_script_runs_as_it_is_printed() {
    let script = script();
    assert!(script.lines().count() >= 29, "{script}");
    let host = Host::live(U1000);
    let mut command = host.command("bash");
    command.args(["-c", &script]);
    let out = run(command, b"");
    assert_eq!(out.code, 0, "{out}");
    let lines: Vec<&str> = out.stdout.lines().collect();
    let want = ["{\"answers\":3,\"hosts\":3}", "readme-result", "finished", "nothing failed", "Killed 3 container(s)"];
    assert_eq!(lines[..5], want, "{out}");
    assert!(lines[5].starts_with("Deleted image 'readme-result'"), "{out}");
    host.wait_until_gone();
    assert_eq!(host.cci(&["image", "exists", "readme-result"]).code, 1);
}
