//! What a name server of a policy answers: public names, and nothing of the host, its network or other containers.

use std::time::{Duration, Instant};

use super::{PROBE, configure, network_of, read};
use crate::support::bed::Bed;
use crate::support::host::{Host, U1000, U1234, incus};
use crate::support::internet::SERVER;
use crate::support::names::{NEAR_NAMES, PUBLIC_NAMES};
use crate::support::wait;

/// A home in a bed, with the probe.
fn home(bed: &Bed, network: &str) -> Host {
    let host = bed.host(U1000);
    std::fs::write(host.proj.join("probe.py"), PROBE).unwrap();
    configure(&host, network);
    host
}

/// The names that have an answer in a fresh container.
#[track_caller]
fn answered(host: &Host, probes: &[String]) -> Vec<String> {
    let args = ["run", "--", "python3", "/workspace/probe.py"];
    let out = host.cci(&args.into_iter().chain(probes.iter().map(String::as_str)).collect::<Vec<_>>()).ok();
    let seen = read(&out.stdout);
    probes.iter().filter(|probe| seen[*probe]).cloned().collect()
}

fn probes(names: &[(&str, u16)]) -> Vec<String> {
    let each = names.iter().flat_map(|(name, kind)| ["name", "name_by_tcp"].map(|by| format!("{by} {name} {kind}")));
    each.collect()
}

#[test]
fn restricted_knows_public_names_and_none_of_the_host_or_its_network() {
    let bed = Bed::start();
    let (public, near) = (probes(&PUBLIC_NAMES), probes(&NEAR_NAMES));
    let metadata = "name metadata.google.internal 1".to_owned();
    let all = [&public[..], &near, std::slice::from_ref(&metadata)].concat();
    let asked = |network: &str| answered(&home(&bed, network), &all);

    assert_eq!(asked("mode = \"open\""), all, "what is not known anywhere proves nothing");
    assert_eq!(asked("mode = \"restricted\""), public);
    assert_eq!(asked("block_metadata_endpoint = false"), [&public[..], &[metadata]].concat());
    // the keys that open the local network open its names, and not the host's own table
    let table =
        |probe: &&String| ["table.example", "pinned.example", " bed ", " 77."].iter().any(|of| probe.contains(of));
    let opened: Vec<String> = public.iter().chain(near.iter().filter(|probe| !table(probe))).cloned().collect();
    let mapped = |probe: &&String| !probe.contains("mapped.example");
    let opened: Vec<String> = opened.iter().filter(mapped).cloned().collect();
    for key in ["allow_local_network_access = true", "block_private_networks = false"] {
        assert_eq!(asked(key), opened, "{key}");
    }
    let listed = "mode = \"allowlist\"\nallowed_domains = [\"public.example\", \"private.example\", \"nas.lan\"]";
    let known = probes(&[("public.example", 1), ("1.10.88.192.in-addr.arpa", 12)]);
    assert_eq!(asked(listed), known, "an allowlist knows what is listed and public");
}

/// A server that answers from the host's table, as systemd-resolved does.
const RESOLVED: &str = "mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/resolve; echo nameserver $1 > /run/systemd/resolve/resolv.conf
exec dnsmasq --listen-address=127.0.0.53 --bind-interfaces --no-resolv --server=$1 --pid-file= --user=root";

#[test]
fn what_the_host_gets_to_know_later_is_withheld_too() {
    let bed = Bed::start();
    let host = home(&bed, "mode = \"restricted\"");
    host.cci(&["shell", "--background", "--persistent", "--debug"]).ok();
    let list = bed.incus(&["list", "-f", "csv", "-c", "n"]);
    let container = list.trim();
    let ask = |probe: &str| {
        let printed = bed.incus(&["exec", container, "--", "python3", "/workspace/probe.py", probe]);
        read(&printed)[probe]
    };
    let (moved, pinned) = ("name moved.office.example 1", "name pinned.example 1");
    assert!(ask(moved), "it is no name of the host's network yet");

    // in another network, with another domain
    bed.write("resolv.conf", &format!("nameserver {SERVER}\nsearch office.example\n"));
    host.cci(&["network", "refresh"]).ok();
    assert!(!ask(moved), "the host's domain is another by now");
    assert!(ask("name public.example 1"));

    bed.command("sh", &["-c", RESOLVED, "sh", SERVER]);
    bed.write("resolv.conf", "nameserver 127.0.0.53\n");
    let open = answered(&home(&bed, "mode = \"open\""), &[pinned.to_owned()]);
    assert_eq!(open, [pinned], "the host's server tells of its table");
    host.cci(&["network", "refresh"]).ok();
    assert!(ask(moved), "the servers behind it are asked");
    assert!(!ask(pinned), "it is not asked itself");

    // a server that nothing is known of, and that may have read the table
    bed.write("resolv.conf", "nameserver 127.0.0.53\nnameserver 127.0.0.1\n");
    bed.command("sh", &["-c", "rm /run/systemd/resolve/resolv.conf"]);
    host.cci(&["network", "refresh"]).ok();
    assert!(!ask(pinned), "what the table says is withheld by name");
    assert!(ask("name public.example 1"));
    host.cci(&["kill", "--all", "--force"]).ok();
}

#[test]
fn a_neighbours_container_has_no_name() {
    let host = super::host("mode = \"restricted\"");
    host.cci(&["shell", "--background", "--persistent", "--debug"]).ok();
    let container = host.only_container();
    let network = network_of(&host, &container);
    let address = incus(&["config", "device", "get", "--project", &host.project, &container, "eth0", "ipv4.address"]);
    let lease = || {
        let leases = std::fs::read_to_string(format!("/var/lib/incus/networks/{network}/dnsmasq.leases")).unwrap();
        leases.lines().find(|lease| lease.contains(address.trim())).map(str::to_owned)
    };
    let first = wait::until("the container has a lease", Duration::from_secs(60), || lease().ok_or("none".to_owned()));
    // what a container calls itself when it asks for its address: from the start, since a renewal that gets lost is not
    // tried again for a minute
    let ask = "hostname intruder; systemctl restart systemd-networkd 2>&1; networkctl status --no-pager eth0 2>&1 || :";
    let (mut asked, mut said): (Option<Instant>, _) = (None, String::new());
    wait::until("it has asked with another name", Duration::from_secs(60), || {
        if asked.is_none_or(|asked| asked.elapsed() > Duration::from_secs(3)) {
            said = incus(&["exec", "--project", &host.project, &container, "--", "sh", "-c", ask]);
            asked = Some(Instant::now());
        }
        lease().filter(|now| *now != first).map(drop).ok_or_else(|| format!("{first}\n{said}"))
    });
    let reverse =
        address.trim().rsplit('.').map(|octet| format!("{octet}.")).collect::<Vec<_>>().concat() + "in-addr.arpa";
    let other = Host::live(U1234);
    std::fs::write(other.proj.join("probe.py"), PROBE).unwrap();
    let gateway = incus(&["network", "get", &network, "ipv4.address"]);
    let own = gateway.trim().split('/').next().unwrap();
    let own = own.rsplit('.').map(|octet| format!("{octet}.")).collect::<Vec<_>>().concat() + "in-addr.arpa";
    let asked = [
        format!("name {reverse} 12"),
        format!("name {own} 12"),
        format!("name {container} 1"),
        format!("name {container}.incus 1"),
        "name intruder 1".to_owned(),
        "name intruder.incus 1".to_owned(),
        "name _gateway.incus 1".to_owned(),
        "chaos version.bind 16".to_owned(),
        "chaos servers.bind 16".to_owned(),
        "chaos id.server 16".to_owned(),
    ];
    assert_eq!(answered(&other, &asked), [""; 0]);
    let allowlist = super::host("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.12\"]");
    assert_eq!(answered(&allowlist, &asked), [""; 0]);
}

/// Sends what is no question for one name, and prints each reply's code: 5 is a refusal.
const ODD: &str = r#"
import socket, struct
server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
name = lambda name: b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
ask = lambda of, kind: name(of) + struct.pack(">HH", kind, 1)
record = name("new.lan") + struct.pack(">HHIH4s", 1, 1, 60, 4, b"\1\2\3\4")
for message in (
    struct.pack(">HHHHHH", 1, 0x100, 2, 0, 0, 0) + ask("public.example", 1) + ask("nas.lan", 1),
    struct.pack(">HHHHHH", 2, 0x2800, 1, 0, 1, 0) + ask("lan", 6) + record,
    struct.pack(">HHHHHH", 3, 0x1000, 1, 0, 0, 0) + ask("nas.lan", 1),
):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.sendto(message, (server, 53))
    print(s.recv(4096)[3] & 15)
    s = socket.create_connection((server, 53), 5); s.sendall(struct.pack(">H", len(message)) + message)
    print(s.recv(4096)[5] & 15)
"#;

#[test]
fn what_is_no_question_for_one_name_is_refused_and_not_passed_on() {
    let host = super::host("mode = \"restricted\"");
    let out = host.cci(&["run", "--", "python3", "-c", ODD]).ok();
    assert_eq!(out.stdout, "5\n".repeat(6), "{out}");
}

#[test]
fn a_name_server_that_somebody_changed_is_no_policy() {
    let host = super::host("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.86\"]");
    host.cci(&["run", "--persistent", "--slot", "9", "--", "true"]).ok();
    let network = network_of(&host, &host.only_container());
    for (key, value) in [("raw.dnsmasq", "no-poll"), ("dns.mode", "managed")] {
        let before = incus(&["network", "get", &network, key]);
        incus(&["network", "set", &network, key, value]);
        let out = host.cci(&["run", "--slot", "1", "--", "true"]);
        incus(&["network", "set", &network, key, before.trim_end()]);
        assert_ne!(out.code, 0, "{key}: {out}");
        assert!(out.stderr.contains(&format!("{key} is not what cci set")), "{out}");
    }
    host.cci(&["run", "--slot", "1", "--", "true"]).ok();
}
