//! What is recorded of a container, and shown.

use std::time::Duration;

use serde_json::Value;

use super::by_name::{PROGRAM, named};
use crate::support::schema;
use crate::support::wait;
use crate::support::web::Web;

#[test]
fn what_a_container_asked_for_is_shown_and_its_record_holds() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(67, dir.path());
    let named = named(&["listed.n61.test"], &format!("{} listed.n61.test\n", web.address));
    let container = named.container();
    named.exec(
        &container,
        &["python3", PROGRAM, "http listed.n61.test listed.n61.test", "http listed.n61.test b.n61.test"],
    );
    named.cci(&["network", "allow", &container, "c.n61.test", "--for", "1h"]).ok();
    let log = |args: &[&str]| named.cci(&[&["network", "log", &container], args].concat()).ok().stdout;
    wait::until("what happened is recorded", Duration::from_secs(10), || {
        let text = log(&[]);
        let all = [
            format!("  {container}  allowed  listed.n61.test:80 ({}:80), by listed.n61.test\n", web.address),
            format!("  {container}  refused  no rule allows b.n61.test:80\n"),
            format!("  {container}  from now on  c.n61.test:80,443 until "),
        ];
        if all.iter().all(|line| text.contains(line)) { Ok(()) } else { Err(text) }
    });
    let denied = log(&["--denied"]);
    assert!(denied.lines().all(|line| line.contains("  refused  ")) && !denied.is_empty(), "{denied}");
    let json: Value = serde_json::from_str(&log(&["--format", "json"])).unwrap();
    schema::check(&named.host, "network-log", &json);
    assert!(json.as_array().unwrap().iter().any(|entry| entry["host"] == "b.n61.test:80"), "{json}");

    let shown = named.cci(&["audit", "show", &container, "--format", "json"]).ok();
    let json: Value = serde_json::from_str(&shown.stdout).unwrap();
    schema::check(&named.host, "audit-show", &json);
    let began = &json[0];
    assert_eq!((&began["event"], &began["network"]), (&"began".into(), &"allowlist".into()), "{shown}");
    assert!(began["image"].is_string() && began["allowed"][0] == "listed.n61.test", "{shown}");
    assert!(json.as_array().unwrap().iter().any(|entry| entry["event"] == "closed"), "{shown}");

    // from the end of the container on
    named.cci(&["kill", &container]).ok();
    named.host.wait_until_gone();
    let verified = named.cci(&["audit", "verify"]).ok();
    assert!(verified.stdout.contains(": as they were written"), "{verified}");
    let record = named.host.home.join(format!(".cci/audit/{}.jsonl", began["session"].as_str().unwrap()));
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replacen("b.n61.test", "d.n61.test", 1)).unwrap();
    let broken = named.cci(&["audit", "verify"]);
    assert_eq!(broken.code, 1, "{broken}");
    assert!(broken.stdout.contains(".jsonl:") && broken.stdout.contains("does not follow"), "{broken}");
}
