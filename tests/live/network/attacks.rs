//! What root in a container tries, to get past its network policy.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{SERVER, host, network_of};
use crate::support::host::{Host, exec_in_background, incus};
use crate::support::internet::{self, NEAR};
use crate::support::wait;

/// Waits for the end of the boot and takes the network out of the hands of the container's own daemon.
const OWN_NETWORK: &str = "
    until systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.1; done
    address=$(ip -4 -o addr show dev eth0 | awk '{print $4; exit}') gateway=$(ip route show default | awk '{print $3; exit}')
    mac=$(cat /sys/class/net/eth0/address)
    until systemctl stop systemd-networkd.socket systemd-networkd; do sleep 0.1; done
    as() {
        ip link set eth0 down; ip link set eth0 address $1; ip addr flush dev eth0
        ip link set eth0 up; ip addr add $2 dev eth0; ip route add default via $gateway
        test $(ip -4 -o addr show dev eth0 | awk '{print $4}') = $2 || exit 9
    }
    as $mac $address";

/// A policy's container, in which root does something and asks between for a private address and a public one.
struct Attack {
    host: Host,
    ask: String,
}

impl Attack {
    fn new() -> Self {
        let port = internet::serve();
        let host = host("mode = \"restricted\"");
        let ask = format!("python3 /workspace/probe.py 'tcp {} {port}' 'tcp {SERVER} {port}'", NEAR[0]);
        Self { host, ask }
    }

    /// What is reached, as pairs of private and public, at each `ask` of a script.
    #[track_caller]
    fn reached(&self, script: &str) -> Vec<(bool, bool)> {
        let script = format!("exec 3>&1 >/dev/null 2>&1; ask() {{ \"$@\" {} >&3; }}; {script}", self.ask);
        let out = self.host.cci(&["run", "--", "sudo", "bash", "-c", &script]).ok();
        let lines: Vec<bool> = out.stdout.lines().map(|line| line.ends_with(" reached")).collect();
        lines.chunks(2).map(|pair| (pair[0], pair[1])).collect()
    }
}

const FREE: (bool, bool) = (false, true);
const CUT: (bool, bool) = (false, false);

#[test]
fn a_foreign_source_address_gets_nowhere() {
    let port = internet::serve();
    let host = host("mode = \"restricted\"");
    let own = "SPOOF=$(hostname -I | cut -d' ' -f1)";
    let foreign = "SPOOF=198.51.100.200";
    let line = |source: &str| format!("sudo env {source} python3 /workspace/probe.py 'spoofed {SERVER} {port}'");
    let out = host.cci(&["run", &format!("{}; {}", line(own), line(foreign))]).ok();
    let results: Vec<&str> = out.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(results, ["reached", "not"], "{out}");
}

#[test]
fn flushed_rules_and_added_routes_change_nothing() {
    let attack = format!(
        "ask; nft flush ruleset; iptables -F; iptables -P OUTPUT ACCEPT; sysctl -w net.ipv4.ip_forward=1; ask
         ip route add {}/32 via $(ip route show default | awk '{{print $3; exit}}'); ask",
        NEAR[0]
    );
    assert_eq!(Attack::new().reached(&attack), [FREE; 3]);
}

#[test]
fn another_address_and_another_mac_get_nowhere() {
    let attack = format!(
        "{OWN_NETWORK}; ask
         as $mac ${{gateway%.*}}.253/24; ask
         as 02:00:00:00:00:99 $address; ask
         as $mac $address; ask"
    );
    assert_eq!(Attack::new().reached(&attack), [FREE, CUT, CUT, FREE]);
}

#[test]
fn a_container_in_the_container_has_no_more_than_it() {
    let attack = format!(
        "{OWN_NETWORK}; ask
         ip netns add inner; ip link add out0 type veth peer name in0 netns inner
         ip addr add 10.222.0.1/24 dev out0; ip link set out0 up
         ip -n inner addr add 10.222.0.2/24 dev in0; ip -n inner link set in0 up; ip -n inner route add default via 10.222.0.1
         sysctl -w net.ipv4.ip_forward=1; iptables -P FORWARD ACCEPT; iptables -t nat -A POSTROUTING -s 10.222.0.0/24 -j MASQUERADE
         ask ip netns exec inner
         ip -n inner link del in0; ip link add link eth0 name second0 netns inner type macvlan mode bridge
         ip -n inner link set second0 up; ip -n inner addr add ${{gateway%.*}}.253/24 dev second0
         ip -n inner route add default via $gateway
         ask ip netns exec inner; ask"
    );
    assert_eq!(Attack::new().reached(&attack), [FREE, FREE, CUT, FREE]);
}

const WIRE: &str = include_str!("wire.py");

/// A listener on an interface of the host, or in a container where one is named.
fn listener(host: &Host, container: Option<&str>, device: &str, enough: &str) -> Child {
    let hear = ["python3", "-c", WIRE, "hear", device, enough];
    match container {
        Some(name) => exec_in_background(&host.project, name, &hear),
        None => Command::new(hear[0]).args(&hear[1..]).stdout(Stdio::piped()).spawn().unwrap(),
    }
}

#[test]
fn a_neighbour_hears_nothing_on_the_wire_and_the_host_no_lie() {
    let (one, two) = (host("mode = \"restricted\""), host("mode = \"restricted\""));
    let container = |host: &Host| {
        host.cci(&["shell", "--background", "--debug"]).ok();
        host.only_container()
    };
    let (from, to) = (container(&one), container(&two));
    let bridge = network_of(&one, &from);
    assert_eq!(bridge, network_of(&two, &to), "they are on one wire");
    let device = |host: &Host, name: &str| {
        let address = ["config", "device", "get", "--project", &host.project, name, "eth0", "ipv4.address"];
        incus(&address).trim().to_owned()
    };
    let (own, peer) = (device(&one, &from), device(&two, &to));
    let exec = |host: &Host, name: &str, command: &[&str]| {
        incus(&[&["exec", "--project", &host.project, name, "--"], command].concat())
    };
    let mac = exec(&two, &to, &["cat", "/sys/class/net/eth0/address"]);
    let gateway = incus(&["network", "get", &bridge, "ipv4.address"]);
    let gateway = gateway.split('/').next().unwrap();

    let enough = one.dir("wire").join("enough");
    let enough = enough.to_str().unwrap();
    let on_bridge = listener(&one, None, &bridge, enough);
    let in_neighbour = listener(&two, Some(&to), "eth0", "/tmp/enough");
    wait::until("both listen", Duration::from_secs(30), || {
        let neighbour = exec(&two, &to, &["sh", "-c", "ls /tmp/enough.hears || :"]);
        let bridge = std::path::Path::new(enough).with_extension("hears").exists();
        if bridge && !neighbour.is_empty() { Ok(()) } else { Err(format!("{bridge} {neighbour}")) }
    });
    exec(&one, &from, &["python3", "-c", WIRE, "send", &own, &peer, gateway, mac.trim()]);
    std::fs::write(enough, "").unwrap();
    exec(&two, &to, &["touch", "/tmp/enough"]);
    let heard = |child: Child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(heard(in_neighbour), "\n", "a neighbour heard something");
    // what is true is sent, so the silence proves something; nothing in the gateway's name or of another kind passes
    assert_eq!(heard(on_bridge), "arp ip4 ip6\n");
}
