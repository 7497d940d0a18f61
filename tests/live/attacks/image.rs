//! Another user's image: an image that sessions start from is not removed and keeps its name.

use std::fs;

use crate::support::host::{Host, ROOT, U1000, U1234, incus};

fn fingerprint(alias: &str) -> String {
    let found: serde_json::Value = serde_json::from_str(&incus(&["image", "list", "--format", "json", alias])).unwrap();
    let exact =
        |image: &&serde_json::Value| image["aliases"].as_array().unwrap().iter().any(|name| name["name"] == alias);
    found
        .as_array()
        .unwrap()
        .iter()
        .find(exact)
        .map(|image| image["fingerprint"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

/// A stopped container of this user's, which is published quickly.
fn stopped(host: &Host) -> String {
    let name = super::super::container::launched(host);
    host.cci(&["container", "stop", "--force", &name]).ok();
    name
}

#[test]
fn an_image_of_another_user_is_neither_deleted_nor_replaced() {
    let host = Host::live(U1234);
    let (alias, name) = (format!("{}image", host.prefix), stopped(&host));
    host.cci(&["image", "publish", &name, &alias]).ok();
    let before = fingerprint(&alias);
    let mut neighbour = host.with_user(U1000);
    neighbour.prefix = format!("n{}", host.prefix);
    let theirs = stopped(&neighbour);
    let script = neighbour.home.join("evil.sh");
    fs::write(&script, "#!/bin/sh\ntouch /evil\n").unwrap();
    for words in [
        &["image", "delete", &alias][..],
        &["image", "delete", &before],
        &["image", "publish", "--force", &theirs, &alias],
        &["build", "custom", &alias, "--base", &alias, "--script", script.to_str().unwrap(), "--force"],
    ] {
        let out = neighbour.cci(words);
        assert_eq!(out.code, 1, "{words:?}: {out}");
        assert!(out.stderr.contains(&format!("image '{alias}' belongs to user 1234")), "{words:?}: {out}");
    }
    let dated = format!("{alias}-20260101-000000");
    incus(&["image", "alias", "create", &dated, &before]);
    let out = neighbour.cci(&["image", "cleanup", &format!("{alias}-"), "--keep", "1"]).ok();
    assert_eq!(out.stdout, "Cleanup complete\n");
    assert_eq!(fingerprint(&alias), before);
    // who says so may, and the owner as ever
    neighbour.cci(&["image", "publish", "--force", "--any-owner", &theirs, &alias]).ok();
    assert_ne!(fingerprint(&alias), before);
    let out = host.cci(&["image", "delete", &alias]);
    assert!(out.code == 1 && out.stderr.contains("belongs to user 1000"), "{out}");
    neighbour.cci(&["image", "delete", &alias]).ok();
    if !fingerprint(&dated).is_empty() {
        host.cci(&["image", "delete", &dated]).ok();
    }
}

#[test]
fn an_image_without_an_owner_is_theirs_whose_sessions_start_from_it() {
    let host = Host::live(U1234);
    let (alias, name) = (format!("{}image", host.prefix), stopped(&host));
    incus(&["publish", "--project", &host.project, &name, "--alias", &alias]);
    host.cci(&["container", "launch", &alias, &format!("{}user", host.prefix)]).ok();
    let neighbour = host.with_user(U1000);
    let out = neighbour.cci(&["image", "delete", &alias]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains(&format!("image '{alias}' is what containers of user 1234 start from")), "{out}");
    host.with_user(ROOT).cci(&["image", "delete", &alias]).ok();
    assert_eq!(fingerprint(&alias), "");
}
