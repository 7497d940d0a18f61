//! `cci login`, without Incus: accounts are kept for the caller only, and no secret is ever shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Host, Output, host};

const SECRET: &str = "sk-ant-secret-of-the-test";

#[track_caller]
fn login(host: &Host, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Output {
    let all: Vec<&str> = ["-v", "login"].iter().chain(args).copied().collect();
    let out = host.cci_with(&all, env, stdin.as_bytes());
    assert!(!out.to_string().contains(SECRET), "{out}");
    out
}

fn accounts(host: &Host) -> Vec<Value> {
    let out = login(host, &["status", "--format", "json"], &[], "").ok();
    let status: Value = serde_json::from_str(&out.stdout).unwrap();
    status["accounts"].as_array().unwrap().clone()
}

#[test]
fn an_account_comes_from_where_it_is_said_and_is_never_shown() {
    let host = host();
    let settings = host.dir("home/.claude").join("settings.json");
    fs::write(settings, json!({ "apiKeyHelper": "pass show key" }).to_string()).unwrap();
    login(&host, &["add", "key", "--api-key"], &[], &format!("{SECRET}\n")).ok();
    login(&host, &["add", "token", "--token"], &[], SECRET).ok();
    login(&host, &["add", "vault", "--api-key-helper"], &[], "").ok();
    let gateway = [("ANTHROPIC_AUTH_TOKEN", SECRET), ("ANTHROPIC_BASE_URL", "https://gateway.example/llm/")];
    login(&host, &["add", "gateway", "--from-environment"], &gateway, "").ok();
    login(&host, &["use", "key"], &[], "").ok();
    let shown: Vec<_> =
        accounts(&host).into_iter().map(|one| json!([one["name"], one["kind"], one["api"], one["used"]])).collect();
    let expected = [
        json!(["host", null, "", false]),
        json!(["gateway", "token", "https://gateway.example/llm", false]),
        json!(["key", "api-key", "", true]),
        json!(["token", "token", "", false]),
        json!(["vault", "helper", "", false]),
    ];
    assert_eq!(shown, expected);
    let text = login(&host, &["status"], &[], "").ok().stdout;
    assert!(text.contains("account key: an API key (used by sessions)"), "{text}");
    let kept = host.home.join(".cci/logins/claude/key/.credentials.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(kept).unwrap().contains(SECRET));
}

#[test]
fn what_cannot_be_kept_or_used_says_why() {
    let host = host();
    let both = [("ANTHROPIC_API_KEY", SECRET), ("CLAUDE_CODE_OAUTH_TOKEN", SECRET)];
    login(&host, &["add", "work", "--api-key"], &[], SECRET).ok();
    login(&host, &["use", "work"], &[], "").ok();
    for (args, env, stdin, said) in [
        (&["add", "work", "--api-key"][..], &[][..], SECRET, "`--force` replaces it"),
        (&["add", "host", "--api-key"], &[], SECRET, "choose another name"),
        (&["add", "../x", "--api-key"], &[], SECRET, "lowercase letters"),
        (&["add", "other"], &[], "", "--api-key"),
        (&["add", "other", "--api-key"], &[], "", "no token or key"),
        (&["add", "other", "--token"], &[], "two words", "no token or key"),
        (&["add", "other", "--from-environment"], &[], "", "none of these is set"),
        (&["add", "other", "--from-environment"], &both, "", "unset all but one"),
        (&["add", "other", "--api-key-helper"], &[], "", "settings.json"),
        (&["add", "other", "--api-key", "--api", "https://u:p@h"], &[], SECRET, "the address of an API"),
        (&["use", "other"], &[], "", "no account other"),
        (&["remove", "other"], &[], "", "no account other"),
        (&["remove", "work"], &[], "", "cci login use host"),
    ] {
        let out = login(&host, args, env, stdin);
        assert!(out.code != 0 && out.stderr.contains(said), "{args:?}: {out}");
    }
    fs::write(host.dir("home/.config/cci").join("config.toml"), "login.account = \"host\"\n").unwrap();
    assert!(login(&host, &["use", "work"], &[], "").ok().stderr.contains("`login.account`"));
    login(&host, &["add", "work", "--api-key", "--force"], &[], SECRET).ok();
    login(&host, &["use", "host"], &[], "").ok();
    login(&host, &["remove", "work"], &[], "").ok();
    assert_eq!(accounts(&host).len(), 1);
}
