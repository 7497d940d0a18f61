//! The real agent works with an account that is kept on the host, and what a session holds can be dropped.

use std::fs;

use serde_json::{Value, json};

use crate::login::{ACCESS, REFRESH, World};
use crate::support::host::{U1000, U1234};

const KEY: &str = "sk-ant-api03-key-of-the-test-0123456789-abcdefghij";

impl World {
    fn add(&self, name: &str, how: &str, secret: &str) {
        let url = self.api.url();
        let out = self.host.cci_with(&["-v", "login", "add", name, how, "--api", &url], &[], secret.as_bytes()).ok();
        assert!(!out.to_string().contains(secret.trim()), "{out}");
    }

    fn accounts(&self) -> Vec<Value> {
        let out = self.host.cci(&["login", "status", "--format=json"]).ok().stdout;
        assert!([KEY, ACCESS, REFRESH].iter().all(|secret| !out.contains(secret)), "{out}");
        let status: Value = serde_json::from_str(&out).unwrap();
        status["accounts"].as_array().unwrap().clone()
    }
}

#[test]
fn an_api_key_of_an_account_opens_the_api_and_is_nowhere_inside() {
    let world = World::new(U1234, "[login]\naccount = \"work\"\n");
    // it would let the agent in otherwise
    let settings =
        json!({ "apiKeyHelper": "echo sk-ant-api03-another", "env": { "ANTHROPIC_API_KEY": "sk-ant-api03-third" } });
    fs::write(world.host.home.join(".claude/settings.json"), settings.to_string()).unwrap();
    let missing = world.host.cci(&["shell", "--background"]);
    assert_ne!(missing.code, 0, "{missing}");
    assert!(missing.stderr.contains("no account work") && missing.stderr.contains("cci login add work"), "{missing}");

    world.add("work", "--api-key", &format!("{KEY}\n"));
    let name = world.start();
    world.prompt(&name, "hello with an account");
    assert!(world.api.was_let_in_by(KEY));
    for other in [ACCESS, "sk-ant-api03-another", "sk-ant-api03-third", "ssh-placeholder"] {
        assert!(!world.api.was_let_in_by(other), "{other}");
    }
    for secret in [KEY, ACCESS, REFRESH, "sk-ant-api03-another", "sk-ant-api03-third"] {
        assert_eq!(world.found(&name, secret), "", "{secret}");
    }
    world.inside(&name, "code", &format!("printf %s '{}''{}' >/home/code/planted", &KEY[..9], &KEY[9..])).ok();
    assert!(world.found(&name, KEY).contains("file /home/code/planted"), "the search finds what is there");

    let log = fs::read_to_string(world.host.home.join(".cci/run/supervisor.log")).unwrap_or_default();
    assert!(!log.contains(KEY), "{log}");
    let used: Vec<_> = world.accounts().into_iter().filter(|one| one["used"] == true).collect();
    assert_eq!(used.len(), 1);
    assert_eq!(
        (&used[0]["name"], &used[0]["kind"], &used[0]["state"]),
        (&json!("work"), &json!("api-key"), &json!("ok"))
    );
}

#[test]
fn the_account_in_use_is_the_one_of_new_sessions() {
    let world = World::new(U1234, "");
    let token = "sk-ant-oat01-token-of-an-account-0123456789";
    world.add("other", "--token", token);
    world.host.cci(&["login", "use", "other"]).ok();
    let name = world.start();
    world.prompt(&name, "hello with another login");
    assert!(world.api.was_let_in_by(token) && !world.api.was_let_in_by(ACCESS));
    assert_eq!(world.found(&name, token), "");
    let in_use = world.host.cci(&["login", "remove", "other"]);
    assert!(in_use.code != 0 && in_use.stderr.contains("cci login use host"), "{in_use}");
    world.host.cci(&["login", "use", "host"]).ok();
    world.host.cci(&["login", "remove", "other"]).ok();
    assert_eq!(world.accounts().len(), 1);
}

#[test]
fn a_rewind_keeps_to_the_account_that_the_session_was_started_with() {
    let world = World::new(U1234, "");
    let token = "sk-ant-oat01-token-of-an-account-0123456789";
    world.add("other", "--token", token);
    world.host.cci(&["login", "use", "other"]).ok();
    let elsewhere = world.host.cci(&["shell", "--background", "-e", "ANTHROPIC_BASE_URL=http://127.0.0.1:9"]);
    assert!(elsewhere.code != 0 && elsewhere.stderr.contains("is never put into a container"), "{elsewhere}");
    let name = world.start();
    world.prompt(&name, "hello with another login");
    let id = world.host.cci(&["checkpoint", "--slot", "1"]).ok().stdout;
    world.host.cci(&["login", "use", "host"]).ok();
    world.host.cci(&["rewind", "--yes", "--slot", "1", id.trim()]).ok();
    world.prompt(&name, "hello once more");
    assert!(world.api.saw("hello once more") && !world.api.was_let_in_by(ACCESS));
}

#[test]
fn a_login_that_a_session_holds_is_dropped_for_the_hosts() {
    let world = World::new(U1000, "[login]\nmode = \"copy\"\n");
    let start = |args: &[&str]| {
        let all: Vec<&str> = ["shell", "--background", "--debug"].iter().chain(args).copied().collect();
        let out = world.host.cci(&all).ok();
        out.stdout.split_whitespace().next().unwrap().to_owned()
    };
    let file = "/home/code/.claude/.credentials.json";
    let shows = |name: &str| world.inside(name, "code", &format!("cat {file}")).ok().stdout;
    let name = start(&[]);
    assert!(shows(&name).contains(ACCESS));
    let own = r#"{"claudeAiOauth":{"accessToken":"its-own","refreshToken":"r","expiresAt":4100000000000}}"#;
    world.inside(&name, "code", &format!("printf %s '{own}' >{file}")).ok();
    let runs = world.host.cci(&["shell", "--background", "--debug", "--resume", "--fresh-creds"]);
    assert!(runs.code != 0 && runs.stderr.contains("cci shutdown"), "{runs}");
    world.host.cci(&["shutdown", &name]).ok();
    let name = start(&["--resume"]);
    assert!(shows(&name).contains("its-own"), "a session keeps what it has");
    world.host.cci(&["shutdown", &name]).ok();
    let name = start(&["--resume", "--fresh-creds"]);
    assert!(shows(&name).contains(ACCESS));
}
