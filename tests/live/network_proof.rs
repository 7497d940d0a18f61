//! A launch looks at its policy while the container is being made, and no command begins before that has been seen.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::network_guard::own_policy;
use crate::support::delay::delaying;
use crate::support::host::{Host, incus};
use crate::support::timeline::{span, spans};
use crate::support::wait;

const DELAY: Duration = Duration::from_secs(2);
const RULES: &str = "GET /1.0/network-acls/";

/// A network without the default of its policy, which gets it again in any case: another try of the test needs it.
struct Loosened<'a>(&'a str);

const DEFAULT: &str = "security.acls.default.egress.action";

impl<'a> Loosened<'a> {
    #[track_caller]
    fn new(network: &'a str) -> Self {
        set(network, "allow");
        Self(network)
    }
}

impl Drop for Loosened<'_> {
    fn drop(&mut self) {
        set(self.0, "reject");
    }
}

/// Incus looks at every interface of the bridge meanwhile, and fails when one of them goes.
fn set(network: &str, action: &str) {
    wait::until("the network is changed", Duration::from_secs(30), || {
        let output = Command::new("incus").args(["network", "set", network, DEFAULT, action]).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    });
}

#[track_caller]
fn last_started(host: &Host, container: &str) -> Value {
    let path = format!("/1.0/instances/{container}?project={}", host.project);
    let instance: Value = serde_json::from_str(&incus(&["query", &path])).unwrap();
    assert_eq!(instance["status"], "Stopped");
    instance["last_used_at"].clone()
}

#[track_caller]
fn refused_and_not_run(host: &Host, args: &[&str]) {
    let out = host.cci(args);
    assert_ne!(out.code, 0, "{out}");
    assert!(out.stderr.contains(&format!("{DEFAULT} is not what cci set, so its policy is not in force")), "{out}");
    let ran = host.proj.join("ran").exists();
    assert!(!ran, "{args:?} ran with a policy that is not in force");
}

/// A policy of this test's own, with a stopped container on its network, so that no `clean` of another test removes it.
#[track_caller]
fn kept_policy(last: u8) -> (Host, String) {
    let (host, network) = own_policy(last);
    host.cci(&["run", "--persistent", "--slot", "9", "--", "true"]).ok();
    (host, network)
}

#[test]
fn the_create_does_not_wait_for_slow_rules_and_the_command_does() {
    let (host, _) = kept_policy(85);
    let socket = delaying(&host.dir("sockets"), "slow", RULES, DELAY);
    let out = host.at_socket(socket).cci(&["--timing", "run", "--", "true"]).ok();
    let (create, rules, command) = (span(&out, "POST /1.0/instances 202"), span(&out, RULES), span(&out, "/exec 202"));
    assert!(create.start < rules.end, "the create waited for the rules: {out}");
    assert!(command.start >= rules.end, "the command did not wait for the rules: {out}");
}

#[test]
fn nothing_runs_where_the_policy_is_no_longer_bound_to_its_bridge() {
    let (host, network) = own_policy(83);
    host.cci(&["run", "--persistent", "--", "true"]).ok();
    let kept = host.only_container();
    let started = last_started(&host, &kept);
    let loosened = Loosened::new(&network);

    let run = ["run", "--slot", "2", "--", "touch", "/workspace/ran"];
    refused_and_not_run(&host, &run);
    refused_and_not_run(&host, &["run", "--persistent", "--slot", "1", "--", "touch", "/workspace/ran"]);
    refused_and_not_run(&host, &["shell", "--background", "--debug", "--slot", "3"]);
    assert_eq!(host.only_container(), kept, "what was made is taken back, and what was kept is there");
    assert_eq!(last_started(&host, &kept), started, "what was installed in it has run");

    drop(loosened);
    host.cci(&run).ok();
    assert!(host.proj.join("ran").exists());
}

#[test]
fn rules_that_somebody_widened_are_right_before_what_runs_is_made() {
    let (host, network) = kept_policy(84);
    let rules = || {
        let acl: Value = serde_json::from_str(&incus(&["query", &format!("/1.0/network-acls/{network}")])).unwrap();
        acl["egress"].clone()
    };
    let before = rules();
    incus(&["network", "acl", "rule", "add", &network, "egress", "action=allow", "destination=203.0.113.0/24"]);
    assert_ne!(rules(), before);
    let put: &str = "PUT /1.0/network-acls/";
    let socket = delaying(&host.dir("sockets"), "slow", put, DELAY);
    let out = host.at_socket(socket).cci(&["--timing", "run", "--", "true"]).ok();
    let again = spans(&out, "POST /1.0/instances 202").next_back().unwrap_or_else(|| panic!("{out}"));
    assert!(again.start >= span(&out, put).end, "what ran was made before the rules were right: {out}");
    assert_eq!(rules(), before);
}
