//! Ways out that are no connections of the web: names asked elsewhere, other protocols, and what a router would say.

use super::adversary::Attack;
use super::network_of;
use crate::support::host::{incus, run};
use crate::support::internet;
use crate::support::running::Running;
use crate::support::wait;

/// Answers at an address as a name server does, by both transports, and listens where one by TLS would.
const NAME_SERVER: &str = r#"
import socket, sys, threading
address = sys.argv[1]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind((address, 53))
tcp, tls = (socket.create_server((address, port)) for port in (53, 853))
def accept(listener):
    while True:
        stream, _ = listener.accept()
        if listener is tcp: stream.sendall(stream.recv(4096))
for listener in (tcp, tls): threading.Thread(target=accept, args=(listener,), daemon=True).start()
print("listens", flush=True)
while True:
    asked, who = udp.recvfrom(4096)
    udp.sendto(asked, who)
"#;

/// Sends what comes by these protocols back to where it came from.
const ECHO: &str = r#"
import socket, sys, threading
address = sys.argv[1]
def echo(s):
    while True:
        packet, (who, _) = s.recvfrom(4096)
        s.sendto(packet[20:], (who, 0))
for number in map(int, sys.argv[2:]):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, number); s.bind((address, 0))
    threading.Thread(target=echo, args=(s,)).start()
print("listens", flush=True)
"#;

/// A server of the stand-in internet.
fn server(script: &str, args: &[&str]) -> Running {
    let mut command = internet::command("python3");
    command.args(["-c", script]).args(args);
    Running::listening(command)
}

#[test]
fn names_that_are_asked_elsewhere() {
    let attack = Attack::new(111, &["a.n111.test:80,443"], &["a.n111.test", "resolver.n111.test"]);
    let _server = server(NAME_SERVER, &[&attack.web.address]);
    let tunnelled = "6578666c.tunnel.n111.test";
    let asked = |kind: &str| format!("{kind} WEB {tunnelled}");
    let (udp, tcp, tls) = (asked("dns"), asked("dns_by_tcp"), asked("dns_by_tls"));
    attack.tried(
        &[
            (&udp, "refused"),
            (&tcp, "refused"),
            (&tls, "refused"),
            ("https WEB resolver.n111.test", "alert"),
            ("http WEB resolver.n111.test", "403"),
            ("quic WEB -", "refused"),
            ("https WEB a.n111.test", "200"),
        ],
        &[
            (&udp, "answered"),
            (&tcp, "answered"),
            (&tls, "open"),
            ("https WEB resolver.n111.test", "200"),
            ("quic WEB -", "answered"),
        ],
    );
}

#[test]
fn protocols_that_are_neither_tcp_nor_udp() {
    let attack = Attack::new(112, &["a.n112.test"], &["a.n112.test"]);
    // the host's NAT knows a protocol without ports by its number alone, for ten minutes: each run has others
    let first = 146 + std::process::id() % 34;
    let numbers = [first, first + 34, first + 68].map(|number| number.to_string());
    let _server = server(ECHO, &[&attack.web.address, &numbers[0], &numbers[1], &numbers[2]]);
    let asked = numbers.each_ref().map(|number| format!("protocol WEB {number}"));
    let all = |outcome: &'static str| {
        let asked = asked.iter().map(move |asked| (asked.as_str(), outcome));
        // to an echo request of ICMP the kernel answers
        [("protocol WEB 1", outcome), ("http WEB a.n112.test", "200")].into_iter().chain(asked).collect::<Vec<_>>()
    };
    attack.tried(&all("nothing"), &all("answered"));
}

/// Says in another namespace of the container's what it says on its own network, where somebody believes it.
const BELIEVED: &str =
    "set -e; exec > /dev/null; ip netns add inner; ip link add out0 type veth peer name in0 netns inner
    ip netns exec inner sysctl -qw net.ipv6.conf.in0.accept_ra=1
    ip link set out0 up; ip -n inner link set in0 up
    for _ in {1..50}; do
        python3 -c \"$1\" router out0
        ip -n inner -6 addr show dev in0 | grep -q 2001:db8:bad: && exit 0
        sleep 0.1
    done; exit 9";

#[test]
fn a_router_that_is_none() {
    let attack = Attack::new(113, &["a.n113.test"], &["a.n113.test"]);
    let named = &attack.named;
    let container = named.container();
    let second = named.cci(&["shell", "--background", "--debug"]).ok().stdout;
    let second = second.split_whitespace().next().unwrap().to_owned();
    let wire = include_str!("wire.py");
    // who hears it takes addresses and a way out from it
    named.exec(&container, &["bash", "-c", BELIEVED, "bash", wire]);
    // a neighbour that would like to be told
    let ready = "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_ra=2; echo ready";
    assert_eq!(named.exec(&second, &["sh", "-c", ready]).trim(), "ready");
    let bridge = network_of(&named.host, &container);
    for _ in 0..20 {
        named.exec(&container, &["python3", "-c", wire, "router", "eth0"]);
    }
    let neighbour = named.exec(&second, &["ip", "-6", "addr", "show", "dev", "eth0"]);
    let routes = named.exec(&second, &["ip", "-6", "route", "show"]);
    assert!(!neighbour.contains("2001:db8:bad:") && !routes.contains("fe80::bad"), "{neighbour}\n{routes}");
    let mut host = std::process::Command::new("ip");
    host.args(["-6", "addr", "show", "dev", &bridge]);
    let host = run(host, b"").ok().stdout;
    let mut routes = std::process::Command::new("ip");
    routes.args(["-6", "route", "show", "dev", &bridge]);
    let routes = run(routes, b"").ok().stdout;
    assert!(!host.contains("2001:db8:bad:") && !routes.contains("fe80::bad"), "{host}\n{routes}");
    // everybody is where they were
    wait::until("both go on", std::time::Duration::from_secs(10), || {
        for name in [&container, &second] {
            attack.in_container(name, &[("http WEB a.n113.test", "200")]);
        }
        let running = incus(&["list", "--project", &named.host.project, "-f", "csv", "-c", "n", "status=running"]);
        if running.contains(&second) { Ok(()) } else { Err(running) }
    });
}
