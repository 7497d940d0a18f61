//! `cci secret`, without Incus: values are kept for the caller only, and none is ever shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Host, Output, host};

const SECRET: &str = "secret-of-the-test";

#[track_caller]
fn secret(host: &Host, args: &[&str], stdin: &str) -> Output {
    let all: Vec<&str> = ["-vvv", "secret"].iter().chain(args).copied().collect();
    let out = host.cci_with(&all, &[], stdin.as_bytes());
    assert!(!out.to_string().contains(SECRET), "{out}");
    out
}

fn listed(host: &Host) -> Vec<Value> {
    let out = secret(host, &["list", "--format", "json"], "").ok();
    let listed: Value = serde_json::from_str(&out.stdout).unwrap();
    listed["secrets"].as_array().unwrap().clone()
}

#[test]
fn a_secret_is_kept_changed_and_removed_and_never_shown() {
    let host = host();
    assert_eq!(listed(&host), [json!(null); 0]);
    secret(&host, &["set", "api-key", "--host", "API.example.com", "--host", "http://intranet:8080"], SECRET).ok();
    secret(&host, &["set", "vault", "--host", "api.example.com", "--command", "pass show x"], "").ok();
    secret(&host, &["set", "github", "--github"], &format!("{SECRET}\n")).ok();
    secret(&host, &["set", "github", "--keep", "--repository", "Ann/Tool"], "").ok();
    let all = listed(&host);
    let shown: Vec<_> =
        all.iter().map(|one| json!([one["name"], one["hosts"], one["variable"], one["source"]])).collect();
    assert_eq!(
        shown,
        [
            json!(["api-key", ["api.example.com", "http://intranet:8080"], "API_KEY", "value"]),
            json!(["github", ["github.com"], "GH_TOKEN", "value"]),
            json!(["vault", ["api.example.com"], "VAULT", "command"]),
        ]
    );
    assert_eq!((&all[1]["repositories"], &all[1]["any_repository"]), (&json!(["ann/tool"]), &json!(false)));
    let text = secret(&host, &["list"], "").ok().stdout;
    assert!(text.contains("In containers: GH_TOKEN=cci.github.secret"), "{text}");
    let kept = host.home.join(".cci/secrets/github.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(kept).unwrap().contains(SECRET), "its value was kept with the new repository");
    secret(&host, &["remove", "api-key"], "").ok();
    assert_eq!(listed(&host).len(), 2);
}

#[test]
fn what_cannot_be_kept_says_why() {
    let host = host();
    secret(&host, &["set", "one", "--host", "a.example"], SECRET).ok();
    for (args, stdin, said) in [
        (&["set", "../x", "--host", "a.example"][..], SECRET, "begins with a letter"),
        (&["set", "two"], SECRET, "--host"),
        (&["set", "two", "--host", "*.example.com"], SECRET, "is no host"),
        (&["set", "two", "--host", "a.example"], "", "the value of a secret"),
        (&["set", "two", "--host", "a.example"], "two words", "the value of a secret"),
        (&["set", "two", "--host", "a.example", "--env", "ONE"], SECRET, "the secret one"),
        (&["set", "two", "--host", "a.example", "--env", "PATH"], SECRET, "cannot be its variable"),
        (&["set", "two", "--host", "a.example", "--repository", "a/b"], SECRET, "--github"),
        (&["set", "two", "--github", "--host", "a", "--host", "b"], SECRET, "one host"),
        (&["set", "two", "--keep", "--host", "a.example"], "", "no secret two"),
        (&["remove", "two"], "", "no secret two"),
    ] {
        let out = secret(&host, args, stdin);
        assert!(out.code != 0 && out.stderr.contains(said), "{args:?}: {out}");
    }
    assert_eq!(listed(&host).len(), 1);
}
