//! A launch checks its policy while the container is being created, and no command begins before that is done.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::guard::own_policy;
use super::names::ASK;
use super::{host, network_of};
use crate::support::host::{Host, incus};
use crate::support::proxy::Proxy;
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

/// What Incus says of a container that must be stopped.
#[track_caller]
fn stopped(host: &Host, container: &str) -> Value {
    let path = format!("/1.0/instances/{container}?project={}", host.project);
    let instance: Value = serde_json::from_str(&incus(&["query", &path])).unwrap();
    assert_eq!(instance["status"], "Stopped");
    instance
}

#[track_caller]
fn last_started(host: &Host, container: &str) -> Value {
    stopped(host, container)["last_used_at"].clone()
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
    let proxy = Proxy::delaying(RULES, DELAY);
    let out = host.at_socket(proxy.socket()).cci(&["--timing", "run", "--", "true"]).ok();
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
    let proxy = Proxy::delaying(put, DELAY);
    let out = host.at_socket(proxy.socket()).cci(&["--timing", "run", "--", "true"]).ok();
    let again = spans(&out, "POST /1.0/instances 202").next_back().unwrap_or_else(|| panic!("{out}"));
    assert!(again.start >= span(&out, put).end, "what ran was made before the rules were right: {out}");
    assert_eq!(rules(), before);
}

/// At each boot the container asks its own name server, and that of another bridge, which only the second layer refuses,
/// and says in the workspace what became of it.
fn install_what_asks_at_boot(host: &Host) {
    let address = incus(&["network", "get", "incusbr0", "ipv4.address"]);
    let other = address.trim().split('/').next().unwrap();
    std::fs::write(host.proj.join("ask.py"), ASK).unwrap();
    let script = format!(
        "own=$(awk '/nameserver/ {{print $2}}' /etc/resolv.conf)\ncd /workspace\n\
         for server in $own {other}; do python3 ask.py $server nobody.incus 1 tcp; done > asked\nmv asked boot\n"
    );
    std::fs::write(host.proj.join("boot.sh"), script).unwrap();
    let unit = "[Service]\nUser=code\nExecStart=/bin/sh /workspace/boot.sh\n";
    std::fs::write(host.proj.join("boot.service"), unit).unwrap();
    let install = "cd /etc/systemd/system; mkdir -p basic.target.wants; cp /workspace/boot.service .; ln -s ../boot.service basic.target.wants/";
    host.cci(&["run", "--persistent", "--slot", "1", "--", "sudo", "sh", "-c", install]).ok();
}

/// Its own name server answers, the other does not.
#[track_caller]
fn guarded_at_boot(host: &Host) {
    let boot = host.proj.join("boot");
    let said = std::fs::read_to_string(&boot).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("rcode ") && lines[1] == "none", "{said}");
    std::fs::remove_file(&boot).unwrap();
}

#[test]
fn what_is_kept_starts_behind_the_second_layer_while_incus_tells_of_the_first() {
    // restricted, and no other test's
    let host = host("block_private_networks = false\nblock_metadata_endpoint = false");
    install_what_asks_at_boot(&host);
    let kept = host.only_container();
    let network = network_of(&host, &kept);
    let boot = host.proj.join("boot");
    let _ = std::fs::remove_file(&boot);
    let proxy = Proxy::holding(RULES, move || {
        let booted = || if boot.exists() { Ok(()) } else { Err("it has not asked".to_owned()) };
        wait::until("the container has booted", Duration::from_secs(60), booted);
    });
    let slow = host.at_socket(proxy.socket());
    let run = ["--timing", "run", "--persistent", "--slot", "1", "--", "touch", "/workspace/ran"];

    // that Incus tells of the rules only when the container has booted is what shows that the start does not wait
    let out = slow.cci(&run).ok();
    assert!(span(&out, "/exec 202").start >= span(&out, RULES).end, "the command did not wait for the rules: {out}");
    guarded_at_boot(&slow);
    std::fs::remove_file(slow.proj.join("ran")).unwrap();

    let loosened = Loosened::new(&network);
    refused_and_not_run(&slow, &run);
    guarded_at_boot(&slow);
    assert_eq!(slow.only_container(), kept);
    stopped(&slow, &kept);
    drop(loosened);
}
