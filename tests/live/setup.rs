//! `cci setup` and `cci doctor` where Incus works already: nothing changes, and that is quick.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::host::{Host, ROOT, U1234, User, run};
use crate::support::machine;

#[track_caller]
fn setup_changes_nothing(user: User) {
    let host = Host::live(user);
    let before = machine::dump();
    let began = Instant::now();
    let out = host.cci(&["setup", "--yes"]).ok();
    let took = began.elapsed();
    assert_eq!(out.stdout, "Incus is ready for cci\n", "{out}");
    assert!(took < Duration::from_secs(3), "{took:?}: {out}");
    assert_eq!(machine::dump(), before);
}

#[test]
fn setup_changes_nothing_for_root() {
    setup_changes_nothing(ROOT);
}

#[test]
fn setup_changes_nothing_for_an_ordinary_user() {
    setup_changes_nothing(U1234);
}

#[test]
fn a_login_that_took_the_group_by_newgrp_keeps_the_files_the_users_own() {
    let host = Host::live(U1234);
    let script = "cci run -- touch made && stat -c %u:%g made && cci doctor";
    let mut command = Command::new("setpriv");
    command.args(["--reuid=1234", "--regid=incus-admin", "--groups=4321", "sh", "-c", script]);
    command.env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"").ok();
    assert!(out.stdout.starts_with("1234:4321\n"), "{out}");
    host.wait_until_gone();
}

#[test]
fn doctor_says_what_is_well_and_measures_a_clone() {
    let host = Host::live(U1234);
    let out = host.cci(&["doctor", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out.stdout).unwrap_or_else(|_| panic!("{out}"));
    let findings = report["findings"].as_array().unwrap();
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("{id}: {out}"));
    for id in ["packages", "subuid", "subgid", "own-range", "group", "daemon", "bridge", "profile", "clone"] {
        assert_eq!(of(id)["status"], "ok", "{id}: {out}");
    }
    assert!(of("clone")["message"].as_str().unwrap().contains(" ms"), "{out}");
    assert!(findings.iter().all(|finding| finding["status"] == "ok" || finding["mend"].is_string()), "{out}");
    assert_eq!(out.code, i32::from(report["status"] == "warning"), "{out}");
    assert_eq!(host.containers(), [""; 0]);
}
