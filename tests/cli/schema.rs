//! The JSON Schemas are valid, and what is printed without Incus matches them.

use serde_json::{Value, json};

use super::host;
use crate::support::host::Host;
use crate::support::schema;

#[test]
fn every_schema_is_one_and_the_list_keeps_to_its_own() {
    let host = host();
    let listed: Value = serde_json::from_str(&host.cci(&["schema", "--format", "json"]).ok().stdout).unwrap();
    schema::check(&host, "schema", &listed);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    insta::assert_snapshot!(names.join("\n"));
    for name in names {
        let text = host.cci(&["schema", name]).ok().stdout;
        let schema: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_verb_of_two_words_is_found() {
    let host = host();
    assert_eq!(host.cci(&["schema", "image", "list"]).ok().stdout, host.cci(&["schema", "image-list"]).ok().stdout);
}

#[test]
fn what_is_printed_without_incus_keeps_to_its_schema() {
    let host = host();
    std::fs::create_dir_all(host.home.join(".config/cci")).unwrap();
    std::fs::write(host.home.join(".config/cci/config.toml"), "[limits]\nmemory = \"4GiB\"\n").unwrap();
    std::fs::write(host.proj.join(".cci.toml"), "# nothing\n").unwrap();
    let printed: &[(&str, &[&str])] = &[
        ("version", &["version"]),
        ("config-check", &["config", "check"]),
        ("config-path", &["config", "path"]),
        ("config-show", &["config", "show"]),
        ("config-show-origin", &["config", "show", "--origin"]),
        ("config-trust", &["config", "trust", "--show"]),
        ("config-trust-list", &["config", "trust", "--list"]),
        ("profile-list", &["profile", "list"]),
        ("profile-show", &["profile", "show", "hardened"]),
    ];
    for (name, args) in printed {
        schema::keeps_to(&host, name, args);
    }
    let doctor = host.cci(&["doctor", "--format=json"]);
    assert_eq!(doctor.code, 2, "{doctor}");
    schema::check(&host, "doctor", &serde_json::from_str(&doctor.stdout).unwrap());
}

/// A failure on stderr as one object, and nothing on stdout.
fn failure(host: &Host, args: &[&str], code: &str) {
    let out = host.cci(&[args, &["--format", "json"]].concat());
    assert_eq!(out.stdout, "", "{out}");
    assert_eq!(out.stderr.lines().count(), 1, "{out}");
    let error: Value = serde_json::from_str(&out.stderr).unwrap();
    schema::check(host, "error", &error);
    assert_eq!(error["error"]["code"], code, "{out}");
}

#[test]
fn every_verb_with_a_format_fails_as_one_object() {
    let host = host();
    let verbs: &[&[&str]] = &[
        &["list"],
        &["clean"],
        &["image", "list"],
        &["images"],
        &["image", "publish", "c1", "mine"],
        &["image", "delete", "mine"],
        &["image", "cleanup", "mine-", "--keep", "1"],
        &["network", "show", "c1"],
        &["tmux", "list"],
        &["tmux", "capture", "c1"],
        &["shell", "--background"],
    ];
    for verb in verbs {
        failure(&host, verb, "incus-unreachable");
        failure(&host, &[*verb, &["--nonsense"]].concat(), "usage");
    }
    failure(&host, &["info"], "no-session");
    failure(&host, &["info", "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f"], "session-not-found");
    failure(&host, &["profile", "show", "none"], "config-invalid");
    failure(&host, &["shell"], "usage");
}

#[test]
fn a_value_of_another_shape_is_noticed() {
    // what the checks of this file would say if a field went or changed its type
    let host = host();
    let version = json!({ "name": "claude-code-isolated (cci)", "version": "0.1.0", "repository": "https://x" });
    schema::check(&host, "version", &version);
    for broken in [json!({ "name": "cci", "version": "0.1.0" }), json!({ "name": 1, "version": "", "repository": "" })]
    {
        assert!(schema::problem(&host, "version", &broken).is_some(), "{broken}");
    }
}
