//! What each network mode reaches, asked by live packets that never leave this machine.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::host::{Host, answer, incus, kill_group};
use crate::support::internet::{self, HOST_SIDE, NEAR};
use crate::support::wait;

use super::probes::{Reached, SERVER, configure, host, network_of, probes, read};

/// Probes from a fresh container.
#[track_caller]
fn run(host: &Host, probes: &[String]) -> Reached {
    let mut args = vec!["run", "--", "sudo", "python3", "/workspace/probe.py"];
    args.extend(probes.iter().map(String::as_str));
    read(&host.cci(&args).ok().stdout)
}

/// Probes from a container that is there.
#[track_caller]
fn probe_in(host: &Host, container: &str, probes: &[String]) -> Reached {
    let mut args = vec!["exec", "--project", &host.project, container, "--", "python3", "/workspace/probe.py"];
    args.extend(probes.iter().map(String::as_str));
    read(&incus(&args))
}

/// A network's own address.
fn gateway(network: &str) -> String {
    let address = incus(&["network", "get", network, "ipv4.address"]);
    address.trim().split('/').next().unwrap().to_owned()
}

/// A container that serves on a port; `cci` goes on holding it until it is dropped.
struct Neighbour<'a> {
    host: &'a Host,
    child: Child,
    name: String,
    address: String,
}

const NEIGHBOUR_PORT: &str = "7001";
const SERVE: &str =
    "import socket\ns = socket.create_server(('0.0.0.0', 7001))\nwhile True: s.accept()[0].sendall(b'here')";

impl<'a> Neighbour<'a> {
    fn start(host: &'a Host) -> Self {
        let mut command = host.cci_command(&["run", "--", "python3", "-c", SERVE]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (name, address) = wait::until("the neighbour serves", Duration::from_secs(60), || {
            let list = incus(&["list", "--project", &host.project, "-f", "csv", "-c", "n4"]);
            let found = list.lines().find(|line| line.starts_with(&host.prefix)).ok_or("no container")?;
            let (name, rest) = found.split_once(',').unwrap();
            let address = rest.trim_matches('"').split(' ').next().unwrap_or_default();
            let at = format!("{address}:{NEIGHBOUR_PORT}").parse().map_err(|_| format!("no address yet: {found}"))?;
            // the host reaches a service in a container in every mode
            let reached = std::net::TcpStream::connect_timeout(&at, Duration::from_secs(1));
            reached.map(|_| (name.to_owned(), address.to_owned())).map_err(|error| format!("{at}: {error}"))
        });
        Self { host, child, name, address }
    }
}

impl Drop for Neighbour<'_> {
    fn drop(&mut self) {
        kill_group(&self.child);
        let _ = self.child.wait();
        let args = ["delete", "-f", "--project", &self.host.project, &self.name];
        let _ = std::process::Command::new("incus").args(args).output();
    }
}

const ALL: [&str; 3] = ["tcp", "udp", "icmp"];

/// Every target that is not the internet: private hosts, the host's own addresses, tricks to get to them.
fn near(port: u16, bridge: &str, bridge_port: u16, host_port: u16) -> Vec<String> {
    let mut all: Vec<String> = NEAR.iter().flat_map(|address| probes(&ALL, address, port)).collect();
    all.extend(probes(&["tcp", "udp"], HOST_SIDE, host_port));
    all.extend(probes(&["tcp", "udp"], bridge, bridge_port));
    all.push(format!("tcp ::ffff:{} {port}", NEAR[0]));
    all.push(format!("fragments {} {port}", NEAR[0]));
    all
}

#[test]
fn restricted_reaches_the_internet_and_nothing_that_open_reaches_beside_it() {
    let port = internet::serve();
    let host_port = internet::serve_on_host(HOST_SIDE);
    let host = host("mode = \"restricted\"");
    let neighbour = Neighbour::start(&host);
    let bridge = network_of(&host, &neighbour.name);
    assert!(bridge.starts_with("cci-"), "{bridge}");
    let bridge_port = internet::serve_on_host(&gateway(&bridge));
    let refused = near(port, &gateway(&bridge), bridge_port, host_port);
    let neighbour_probe = format!("tcp {} {NEIGHBOUR_PORT}", neighbour.address);
    let internet = probes(&ALL, SERVER, port);
    let all: Vec<String> = refused.iter().chain([&neighbour_probe]).chain(&internet).cloned().collect();

    let restricted = run(&host, &all);
    for probe in refused.iter().chain([&neighbour_probe]) {
        assert!(!restricted[probe], "restricted reached {probe}");
    }
    for probe in &internet {
        assert!(restricted[probe], "restricted did not reach {probe}");
    }
    drop(neighbour);

    configure(&host, "mode = \"open\"");
    // in open mode the same listeners answer, so a refusal above was the policy's and not a dead listener's
    let open = run(&host, &all);
    for probe in refused.iter().chain(&internet) {
        assert!(open[probe], "open did not reach {probe}, so the refusal above proves nothing");
    }
}

#[test]
fn allowlist_reaches_the_listed_port_of_the_listed_address_only() {
    let (port, unlisted) = (internet::serve(), internet::serve());
    let host_port = internet::serve_on_host(HOST_SIDE);
    let settings = format!("mode = \"allowlist\"\nallowed_domains = [\"{SERVER}:{port}\", \"198.51.100.1\"]");
    let host = host(&settings);
    let mut refused: Vec<String> = NEAR.iter().flat_map(|address| probes(&ALL, address, port)).collect();
    refused.extend(probes(&["tcp", "udp"], SERVER, unlisted));
    refused.push(format!("icmp {SERVER} 0"));
    // the host's own address stays closed although it is listed
    refused.extend(probes(&["tcp", "udp"], HOST_SIDE, host_port));
    let allowed = probes(&["tcp", "udp"], SERVER, port);
    let all: Vec<String> = refused.iter().chain(&allowed).cloned().collect();

    let seen = run(&host, &all);
    for probe in &refused {
        assert!(!seen[probe], "allowlist reached {probe}");
    }
    for probe in &allowed {
        assert!(seen[probe], "allowlist did not reach {probe}");
    }
    configure(&host, "mode = \"open\"");
    let open = run(&host, &all);
    for probe in &all {
        assert!(open[probe], "open did not reach {probe}");
    }
}

#[test]
fn two_policies_at_once_do_not_touch_each_other() {
    let port = internet::serve();
    let probe = probes(&["tcp"], SERVER, port);
    let listed = host(&format!("mode = \"allowlist\"\nallowed_domains = [\"{SERVER}:{port}\"]"));
    let unlisted = host(&format!("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.77:{port}\"]"));
    std::thread::scope(|scope| {
        let a = scope.spawn(|| run(&listed, &probe));
        let b = scope.spawn(|| run(&unlisted, &probe));
        assert_eq!(a.join().unwrap(), Reached::from([(probe[0].clone(), true)]));
        assert_eq!(b.join().unwrap(), Reached::from([(probe[0].clone(), false)]));
    });
}

#[test]
fn ten_launches_of_a_new_policy_at_once_share_one_network() {
    let port = internet::serve();
    let host = host(&format!("mode = \"allowlist\"\nallowed_domains = [\"{SERVER}:{port}\"]"));
    let probe = probes(&["tcp"], SERVER, port);
    std::thread::scope(|scope| {
        let launches: Vec<_> = (0..10).map(|_| scope.spawn(|| run(&host, &probe))).collect();
        for launch in launches {
            assert_eq!(launch.join().unwrap(), Reached::from([(probe[0].clone(), true)]));
        }
    });
    let rule = format!("{SERVER}:{port}");
    let acls: serde_json::Value = serde_json::from_str(&incus(&["network", "acl", "list", "-f", "json"])).unwrap();
    let ours = acls.as_array().unwrap().iter().filter(|acl| {
        acl["config"]["user.cci.policy"].as_str().is_some_and(|policy| policy.ends_with(&format!("allow={rule}")))
    });
    assert_eq!(ours.count(), 1);
}

#[test]
fn a_policy_outlives_cci_and_a_reboot_and_a_reuse_takes_the_new_one() {
    let port = internet::serve();
    let host = host("mode = \"restricted\"");
    let probe = [probes(&["tcp"], SERVER, port), probes(&["tcp"], NEAR[0], port)].concat();
    let restricted = Reached::from([(probe[0].clone(), true), (probe[1].clone(), false)]);
    host.cci_with(&["shell", "--background", "--persistent", "--debug"], &[], b"").ok();
    let container = host.only_container();
    assert_eq!(probe_in(&host, &container, &probe), restricted, "cci has ended and the policy has not");

    let boot =
        || incus(&["exec", "--project", &host.project, &container, "--", "cat", "/proc/sys/kernel/random/boot_id"]);
    let started = || incus(&["query", &format!("/1.0/instances/{container}/state?project={}", host.project)]);
    let before = (boot(), started());
    incus(&["restart", "--project", &host.project, &container]);
    assert_ne!(before.1, started());
    wait::until("the network is there after the reboot", Duration::from_secs(30), || {
        let seen = probe_in(&host, &container, &probe);
        if seen[&probe[0]] { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    assert_eq!(probe_in(&host, &container, &probe), restricted, "after a reboot");

    incus(&["stop", "-f", "--project", &host.project, &container]);
    configure(&host, "mode = \"open\"");
    host.cci_with(&["shell", "--background", "--persistent", "--debug"], &[], b"").ok();
    assert_eq!(host.only_container(), container);
    let open = probe_in(&host, &container, &probe);
    assert!(open.values().all(|reached| *reached), "reuse in open mode: {open:?}");
}

#[test]
fn a_unit_that_connects_as_early_as_it_can_gets_nothing_that_is_forbidden() {
    let port = internet::serve();
    let host = host("mode = \"restricted\"");
    host.cci_with(&["shell", "--background", "--persistent", "--debug"], &[], b"").ok();
    let container = host.only_container();
    let unit = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nExecStart=/usr/bin/python3 /root/early.py\n\
                [Install]\nWantedBy=sysinit.target\n";
    let early = format!(
        "import socket, time\nend = time.time() + 4\nlog = open('/root/early.log', 'w', 1)\n\
         log.write('first {{:.0f}}\\n'.format(time.monotonic() * 1e6))\nwhile time.time() < end:\n  \
         for address in ('{}', '{SERVER}'):\n    try: socket.create_connection((address, {port}), 0.1); log.write(address + '\\n')\n    \
         except OSError: log.write('tried\\n'); time.sleep(0.005)\nlog.write('end\\n')\n",
        NEAR[0]
    );
    let script = format!(
        "cat > /etc/systemd/system/early.service <<'E'\n{unit}E\ncat > /root/early.py <<'E'\n{early}E\nsystemctl --root=/ enable -q early.service; sync"
    );
    incus(&["exec", "--project", &host.project, &container, "--", "sh", "-c", &script]);
    let boot = |mode: &str| {
        incus(&["exec", "--project", &host.project, &container, "--", "rm", "-f", "/root/early.log"]);
        incus(&["stop", "-f", "--project", &host.project, &container]);
        configure(&host, &format!("mode = \"{mode}\""));
        host.cci_with(&["shell", "--background", "--persistent", "--debug"], &[], b"").ok();
        wait::until("the early unit has ended", Duration::from_secs(30), || {
            let args = ["exec", "--project", &host.project, &container, "--", "cat", "/root/early.log"];
            let out = answer(std::process::Command::new("incus").args(args));
            let log = String::from_utf8_lossy(&out.stdout).into_owned();
            if log.ends_with("end\n") { Ok(log) } else { Err(log) }
        })
    };
    let restricted = boot("restricted");
    assert!(!restricted.contains(NEAR[0]), "reached at boot");
    let first: u64 = restricted.lines().next().unwrap().strip_prefix("first ").unwrap().parse().unwrap();
    let show = ["systemctl", "show", "-P", "ExecMainStartTimestampMonotonic", "systemd-networkd"];
    let online = incus(&[&["exec", "--project", &host.project, &container, "--"][..], &show].concat());
    let online: u64 = online.trim().parse().unwrap();
    assert!(first < online, "first try at {first} µs, and at {online} the daemon began that network-online waits for");
    assert!(restricted.contains(SERVER), "the unit never had a network, so it proves nothing");
    assert!(boot("open").contains(NEAR[0]), "the same unit reaches it in open mode");
}

#[test]
fn clean_leaves_nothing_of_an_unused_policy() {
    let host = host("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.78\"]");
    let shown = host.cci(&["shell", "--background", "--debug"]).ok();
    let network = network_of(&host, &host.only_container());
    let traces = || {
        let nft = std::process::Command::new("nft").args(["list", "ruleset"]).output().expect("the tests need nft");
        let all = [
            incus(&["network", "list", "-f", "csv"]),
            incus(&["network", "acl", "list", "-f", "csv"]),
            String::from_utf8_lossy(&nft.stdout).into_owned(),
        ];
        all.map(|text| text.contains(&network))
    };
    assert_eq!(traces(), [true; 3], "{shown}");
    // the networks of other tests may come into use just then, which is a failure of theirs
    let out = host.cci(&["clean", "--force"]);
    assert_eq!(traces(), [true; 3], "a policy in use is not removed: {out}");
    host.cci(&["kill", &host.only_container()]).ok();
    host.wait_until_gone();
    let out = host.cci(&["clean", "--force"]);
    assert_eq!(traces(), [false; 3], "{out}");
}

#[test]
fn without_a_network_there_is_no_interface_and_sessions_run_all_the_same() {
    let host = host("mode = \"none\"");
    let out = host.cci(&["run", "--", "sh", "-c", "ls /sys/class/net; getent hosts example.org || echo unknown"]).ok();
    assert_eq!(out.stdout, "lo\nunknown\n", "{out}");
    let out = host.cci(&["network", "why", "example.org"]);
    assert_eq!(out.stdout, "example.org: mode none: no network\n", "{out}");
    host.cci(&["shell", "--background", "--debug"]).ok();
    let container = host.only_container();
    let out = host.cci(&["network", "show", &container]);
    assert!(out.code != 0 && out.stderr.contains("has no network"), "{out}");
    let listed = host.cci(&["list"]).ok();
    assert!(listed.stdout.contains("Running"), "{listed}");
}
