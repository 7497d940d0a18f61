//! What happens on the host changes nothing of a policy: Docker's firewall, a loss of power, global addresses.

use std::time::Duration;

use super::{PROBE, Reached, configure, read};
use crate::support::bed::{Bed, HOST_SIDE6, PRIVATE6, PUBLIC6};
use crate::support::host::{Host, Output, U1000};
use crate::support::internet::{NEAR, PUBLIC};
use crate::support::names::LISTED;
use crate::support::wait;

/// A container that stays, in a bed.
struct Kept<'a> {
    bed: &'a Bed,
    host: Host,
    name: String,
}

impl<'a> Kept<'a> {
    fn start(bed: &'a Bed, network: &str) -> (Self, Output) {
        let (host, name, out) = start(bed, network);
        (Self { bed, host, name }, out)
    }

    #[track_caller]
    fn probe(&self, probes: &[String]) -> Reached {
        let args = ["exec", &self.name, "--", "python3", "/workspace/probe.py"];
        read(&self.bed.incus(&args.into_iter().chain(probes.iter().map(String::as_str)).collect::<Vec<_>>()))
    }

    fn root(&self, script: &str) -> String {
        self.bed.incus(&["exec", &self.name, "--", "sh", "-c", script])
    }

    fn device(&self, key: &str) -> String {
        self.bed.incus(&["config", "device", "get", &self.name, "eth0", key]).trim().to_owned()
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.host.cci(&["kill", "--all", "--force"]);
    }
}

/// Starts a container that stays; its home, its name and what was said.
fn start(bed: &Bed, network: &str) -> (Host, String, Output) {
    let host = bed.host(U1000);
    std::fs::write(host.proj.join("probe.py"), PROBE).unwrap();
    configure(&host, network);
    let out = host.cci(&["shell", "--background", "--persistent", "--debug"]).ok();
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    (host, name, out)
}

/// The container's first process on the host, while it runs.
fn init(bed: &Bed, container: &str) -> Result<i64, String> {
    let state = bed.attempt("incus", &["query", &format!("/1.0/instances/{container}/state")])?;
    let state: serde_json::Value = serde_json::from_str(&state).map_err(|error| error.to_string())?;
    state["pid"].as_i64().filter(|pid| *pid > 0).ok_or(state.to_string())
}

fn tcp(address: &str, port: u16) -> String {
    format!("tcp {address} {port}")
}

/// As Docker sets it up: what is forwarded is dropped, and bridged packets are looked at as if they were routed.
const DOCKER: &str = "sysctl -qw net.bridge.bridge-nf-call-iptables=1; ip link add docker0 type bridge
nft 'table ip filter { chain DOCKER-USER { }; chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; }; }'";

#[test]
fn dockers_firewall_opens_nothing_and_neither_does_its_fix() {
    let bed = Bed::start();
    let port = bed.serve_on_internet();
    bed.command("sh", &["-c", DOCKER]);
    let (kept, out) = Kept::start(&bed, "mode = \"restricted\"");
    assert!(out.stderr.contains("Docker drops forwarded packets of bridges that are not its own"), "{out}");
    let (neighbour, _) = Kept::start(&bed, "mode = \"restricted\"");
    let serve = "import socket\ns = socket.create_server(('', 7001))\nopen('/tmp/serves', 'w')\nwhile True: s.accept()[0].sendall(b'here')";
    let mut server = bed.spawn_incus(&["exec", &neighbour.name, "--", "python3", "-c", serve]);
    let address = neighbour.device("ipv4.address");
    wait::until("the neighbour serves", Duration::from_secs(60), || {
        if bed.host_reaches(address.clone(), 7001) { Ok(()) } else { Err(address.clone()) }
    });
    let near: Vec<String> = NEAR.iter().map(|near| tcp(near, port)).chain([tcp(&address, 7001)]).collect();
    let public = tcp(PUBLIC[0], port);
    let name = format!("name {LISTED} 1");
    let all = [&near[..], &[public.clone(), name.clone()]].concat();

    let dropped = kept.probe(&all);
    let reached: Vec<&String> = all.iter().filter(|probe| dropped[*probe]).collect();
    assert_eq!(reached, [&name], "Docker's own refusal is the warning's");
    let bridge = kept.device("network");
    let fix = format!(
        "nft insert rule ip filter DOCKER-USER iifname {bridge} accept
         nft insert rule ip filter DOCKER-USER oifname {bridge} ct state related,established accept"
    );
    bed.command("sh", &["-c", &fix]);
    let fixed = kept.probe(&all);
    let reached: Vec<&String> = all.iter().filter(|probe| fixed[*probe]).collect();
    assert_eq!(reached, [&public, &name]);
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Takes the network out of the hands of the container's own daemon.
const OWN_NETWORK: &str =
    "until systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.1; done
until systemctl stop systemd-networkd.socket systemd-networkd; do sleep 0.1; done
ip -6 addr flush dev eth0 scope global; ip -6 route flush default";

#[test]
fn a_global_address_that_root_takes_gets_nowhere() {
    let bed = Bed::start();
    let port = bed.serve_on_internet();
    let host_side = bed.serve_on_host(HOST_SIDE6);
    let probes = [tcp(PUBLIC6, port), tcp(PRIVATE6, port), tcp(HOST_SIDE6, host_side)];
    for (mode, reaches) in [("open", true), ("restricted", false)] {
        let (kept, _) = Kept::start(&bed, &format!("mode = \"{mode}\""));
        let bridge = kept.device("network");
        // the host knows the way back, so that only the policy stands in it
        let mac = kept.root("cat /sys/class/net/eth0/address");
        let way = format!(
            "echo 0 > /proc/sys/net/ipv6/conf/{bridge}/disable_ipv6; ip -6 route replace 2001:db8:77::/64 dev {bridge}
             ip -6 neigh replace 2001:db8:77::5 lladdr {} dev {bridge}; cat /sys/class/net/{bridge}/address",
            mac.trim()
        );
        let gateway = bed.command("sh", &["-c", &way]);
        kept.root(OWN_NETWORK);
        let take = format!(
            "ip -6 addr replace 2001:db8:77::5/64 dev eth0 nodad; ip -6 neigh replace fe80::77 lladdr {} dev eth0
             ip -6 route replace default via fe80::77 dev eth0 src 2001:db8:77::5",
            gateway.trim()
        );
        wait::until("root has the address", Duration::from_secs(30), || {
            bed.attempt("incus", &["exec", &kept.name, "--", "sh", "-c", &take])
        });
        let seen = kept.probe(&probes);
        assert!(seen.values().all(|reached| *reached == reaches), "{mode}: {seen:?}");
    }
}

#[test]
fn a_loss_of_power_brings_each_policy_back_with_its_containers() {
    let mut bed = Bed::start();
    let port = bed.serve_on_internet();
    let open = [tcp(PUBLIC[0], port), format!("name {LISTED} 1")];
    let closed: Vec<String> =
        NEAR.iter().map(|near| tcp(near, port)).chain(["name nas.lan 1".to_owned(), "name bed 1".to_owned()]).collect();
    let modes = [
        "mode = \"restricted\"".to_owned(),
        format!("mode = \"allowlist\"\nallowed_domains = [\"{}\", \"{LISTED}\"]", PUBLIC[0]),
    ];
    let started = modes.map(|mode| start(&bed, &mode));
    let inits = started.each_ref().map(|(_, container, _)| init(&bed, container).unwrap());
    bed.power_cycle();
    for ((_, container, _), before) in started.iter().zip(inits) {
        let all = [&open[..], &closed].concat();
        let seen = wait::until("the container and its network are back", Duration::from_secs(120), || {
            assert_ne!(init(&bed, container)?, before, "the container was not started again");
            let args = ["exec", container, "--", "python3", "/workspace/probe.py"];
            let printed =
                bed.attempt("incus", &args.into_iter().chain(all.iter().map(String::as_str)).collect::<Vec<_>>())?;
            let seen = read(&printed);
            let leaked = closed.iter().any(|probe| seen[probe]);
            if leaked || open.iter().all(|probe| seen[probe]) { Ok(seen) } else { Err(format!("{seen:?}")) }
        });
        assert!(closed.iter().all(|probe| !seen[probe]), "{seen:?}");
        let bridge = bed.incus(&["config", "device", "get", container, "eth0", "network"]);
        assert!(
            bed.command("nft", &["list", "table", "inet", bridge.trim()]).contains("chain beyond"),
            "the second layer"
        );
    }
}
