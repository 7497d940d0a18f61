//! `cci config` and `cci profile`, without Incus.

use std::fs;

use serde_json::Value;

use super::{Host, host, shown};

fn with_user_file(text: &str) -> Host {
    let host = host();
    let dir = host.home.join(".config/cci");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    host
}

fn with_project_file(text: &str) -> Host {
    let host = host();
    fs::write(host.proj.join(".cci.toml"), text).unwrap();
    host
}

#[test]
fn a_broken_file_stops_a_launch_and_not_what_helps_to_mend_it() {
    let host = with_user_file("[defaults]\nimgae = \"x\"\n[limits\n");
    for args in [&["version"][..], &["--help"], &["config", "--help"], &["config", "path"], &["config", "schema"]] {
        host.cci(args).ok();
    }
    for args in [&["config", "check"][..], &["list"], &["shell", "--background"]] {
        let out = host.cci(args);
        assert_eq!(out.code, 2, "{args:?}: {out}");
        assert!(out.stderr.contains("/home/.config/cci/config.toml:3:8:"), "{args:?}: {out}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let host = with_user_file("[defaults]\nimgae = \"x\"\npersistent = 1\n");
    insta::assert_snapshot!(shown(&host, &host.cci(&["config", "check"])));
}

#[test]
fn a_hostile_project_file_is_refused_and_can_be_trusted() {
    let host =
        with_project_file("[incus]\nproject = \"other\"\n[[mounts.default]]\nhost = \"~\"\ncontainer = \"/h\"\n");
    let refused = host.cci(&["run", "--", "true"]);
    insta::assert_snapshot!(shown(&host, &refused));
    host.cci(&["config", "trust"]).ok();
    host.cci(&["config", "check"]).ok();
    assert!(host.cci(&["config", "trust", "--list"]).ok().stdout.contains("/proj/.cci.toml"));
    host.cci(&["config", "trust", "--revoke"]).ok();
    assert_eq!(host.cci(&["config", "check"]).code, 2);
}

#[test]
fn show_says_what_holds_and_why() {
    let host = with_user_file("[limits]\nmemory = \"2GiB\"\n");
    let args = ["config", "show", "--origin", "--format", "json", "--persistent"];
    let entries: Vec<Value> = serde_json::from_str(&host.cci(&args).ok().stdout).unwrap();
    let origin = |key: &str| {
        let entry = entries.iter().find(|entry| entry["key"] == key).unwrap();
        entry["origin"].as_str().unwrap().to_owned()
    };
    assert!(origin("limits.memory").ends_with("/config.toml:2"), "{}", origin("limits.memory"));
    assert_eq!(origin("defaults.persistent"), "--persistent");
    assert_eq!(origin("defaults.image"), "CCI_IMAGE");
    assert_eq!(origin("tool.name"), "built-in");
}

#[test]
fn what_show_prints_is_a_configuration_file() {
    let host = with_user_file(
        "[defaults]\nenvironment = { A = \"x \\\" y\" }\n[[mounts.default]]\nhost = \"~/d\"\ncontainer = \"/d\"\n",
    );
    let shown = host.cci(&["config", "show", "--format", "json"]).ok().stdout;
    let value: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value["mounts"]["default"][0]["container"], "/d");
    assert_eq!(value["defaults"]["environment"]["A"], "x \" y");
}

#[test]
fn init_writes_a_file_that_checks_and_never_over_another() {
    let host = host();
    host.cci(&["config", "init"]).ok();
    host.cci(&["config", "check"]).ok();
    let again = host.cci(&["config", "init"]);
    assert_ne!(again.code, 0, "{again}");
    assert!(again.stderr.contains("already exists"), "{again}");
}

#[test]
fn a_profile_is_made_listed_and_used() {
    let host = host();
    host.cci(&["profile", "create", "mine", "--inherits", "hardened"]).ok();
    let listed: Vec<Value> =
        serde_json::from_str(&host.cci(&["profile", "list", "--format", "json"]).ok().stdout).unwrap();
    let names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "hardened", "mine", "node", "python", "rust"]);
    let shown = host.cci(&["config", "show", "--profile", "mine"]).ok();
    assert!(shown.stdout.contains("limits.memory = \"4GiB\""), "{shown}");
    assert!(host.cci(&["profile", "show", "rust", "--script"]).ok().stdout.starts_with("#!/bin/bash"));
}

#[test]
fn an_unknown_profile_lists_the_known() {
    let host = host();
    insta::assert_snapshot!(shown(&host, &host.cci(&["list", "--profile", "rsut"])));
}

#[test]
fn two_mounts_on_one_place_are_a_conflict() {
    let host = host();
    insta::assert_snapshot!(shown(
        &host,
        &host.cci(&["shell", "--background", "--mount", "/a:/x", "--mount", "/b:/x/"])
    ));
}

#[test]
fn the_project_file_is_looked_for_in_the_workspace() {
    let host = host();
    let other = host.dir("other");
    fs::write(other.join(".cci.toml"), "[defaults]\nmodel = \"of-other\"\n").unwrap();
    let out = host.cci(&["config", "show", "--workspace", other.to_str().unwrap()]).ok();
    assert!(out.stdout.contains("defaults.model = \"of-other\""), "{out}");
}
