//! The whole matrix: mode × target × protocol × the ways to get a container, in an isolated world.

use std::process::{Child, Stdio};
use std::time::Duration;

use super::{PROBE, configure, read};
use crate::support::bed::{Bed, HOST_SIDE, HOST_SIDE6, PRIVATE6, PUBLIC6};
use crate::support::host::{Host, U1000, image, kill_group, supervisor};
use crate::support::internet::{NEAR, PUBLIC};
use crate::support::names::{LISTED, NEAR_NAMES, PUBLIC_NAMES, WEB};
use crate::support::wait;

const MODES: [&str; 4] = ["restricted", "allowlist", "learn", "open"];
/// Who gets there: `restricted`, `allowlist`, `learn`, `open`.
type Row = (String, [bool; 4]);

const EVERYWHERE: [bool; 4] = [true, true, true, true];
const UNLISTED: [bool; 4] = [true, false, true, true];
/// What has no name, where names are to be known.
const NAMELESS: [bool; 4] = [true, false, false, true];
const OPEN_ONLY: [bool; 4] = [false, false, false, true];
const NOWHERE: [bool; 4] = [false, false, false, false];

/// The ports on which this world answers.
struct Ports {
    internet: u16,
    unlisted: u16,
    host_side: u16,
    host_side6: u16,
    every_own: u16,
    loopback: u16,
}

impl Ports {
    fn serve(bed: &Bed) -> Self {
        Self {
            internet: bed.serve_on_internet(),
            unlisted: bed.serve_on_internet(),
            host_side: bed.serve_on_host(HOST_SIDE),
            host_side6: bed.serve_on_host(HOST_SIDE6),
            every_own: bed.serve_on_host("0.0.0.0"),
            loopback: bed.serve_on_host("127.0.0.1"),
        }
    }

    /// What the contract says of each target.
    fn table(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |probe: String, reached: [bool; 4]| rows.push((probe, reached));
        let Self { internet, unlisted, host_side, host_side6, every_own, loopback } = self;
        for protocol in ["tcp", "udp", "fragments"] {
            row(format!("{protocol} {} {internet}", PUBLIC[0]), EVERYWHERE);
            row(format!("{protocol} {} {unlisted}", PUBLIC[0]), UNLISTED);
            row(format!("{protocol} {} {internet}", PUBLIC[1]), UNLISTED);
            row(format!("{protocol} {HOST_SIDE} {host_side}"), OPEN_ONLY);
            row(format!("{protocol} gateway {every_own}"), OPEN_ONLY);
            row(format!("{protocol} gateway {loopback}"), NOWHERE);
            row(format!("{protocol} {PUBLIC6} {internet}"), OPEN_ONLY);
            row(format!("{protocol} {PRIVATE6} {internet}"), OPEN_ONLY);
            row(format!("{protocol} {HOST_SIDE6} {host_side6}"), OPEN_ONLY);
            for near in NEAR {
                row(format!("{protocol} {near} {internet}"), OPEN_ONLY);
            }
        }
        row(format!("icmp {} 0", PUBLIC[0]), NAMELESS);
        row(format!("tcp ::ffff:{} {internet}", PUBLIC[0]), EVERYWHERE);
        for near in NEAR.into_iter().chain([HOST_SIDE, "gateway"]) {
            row(format!("icmp {near} 0"), OPEN_ONLY);
        }
        for near in NEAR {
            row(format!("tcp ::ffff:{near} {internet}"), OPEN_ONLY);
        }
        row(format!("web {} 80", WEB[0]), EVERYWHERE);
        row(format!("web {} 80", WEB[1]), UNLISTED);
        for address in PUBLIC {
            row(format!("web {address} 80"), NAMELESS);
        }
        for near in NEAR.into_iter().chain([HOST_SIDE]) {
            row(format!("web {near} 80"), OPEN_ONLY);
        }
        row(format!("name {LISTED} 1"), EVERYWHERE);
        for (name, kind) in PUBLIC_NAMES {
            row(format!("name {name} {kind}"), UNLISTED);
        }
        for (name, kind) in NEAR_NAMES {
            row(format!("name {name} {kind}"), OPEN_ONLY);
        }
        for of_the_server in ["version.bind", "servers.bind"] {
            row(format!("chaos {of_the_server} 16"), OPEN_ONLY);
        }
        rows
    }
}

const AFTER_IPV6: &str = "for _ in {1..200}; do
    ip -6 addr show dev eth0 scope global -tentative | grep -q inet6 && break; read -t 0.1 <> <(:)
done
exec sudo python3 /workspace/probe.py \"$@\"";

/// One mode's home, with a container that stays and one whose cci was killed.
struct Place<'a> {
    bed: &'a Bed,
    mode: usize,
    host: &'a Host,
    rows: &'a [Row],
}

impl Place<'_> {
    fn probes(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(probe, _)| probe.as_str())
    }

    /// Every cell of this mode, as what a probe printed says.
    #[track_caller]
    fn check(&self, verb: &str, printed: &str) {
        let seen = read(printed);
        let wrong = self.rows.iter().filter(|(probe, reached)| seen.get(probe) != Some(&reached[self.mode]));
        let wrong: Vec<String> = wrong.map(|(probe, _)| format!("{probe}: {:?}", seen.get(probe))).collect();
        assert!(wrong.is_empty(), "mode {}, {verb}: not as the contract says:\n{}", MODES[self.mode], wrong.join("\n"));
    }

    /// Checks a container that is there; its network may need a moment, but what is forbidden is so from the first look.
    #[track_caller]
    fn check_in(&self, verb: &str, container: &str) {
        let wanted: Vec<&Row> = self.rows.iter().filter(|(_, reached)| reached[self.mode]).collect();
        let printed = wait::until(verb, Duration::from_secs(60), || {
            let command = ["exec", container, "--", "python3", "/workspace/probe.py"];
            let printed = self.bed.attempt("incus", &command.into_iter().chain(self.probes()).collect::<Vec<_>>())?;
            let seen = read(&printed);
            let late = wanted.iter().any(|(probe, _)| seen.get(probe) != Some(&true));
            let leaked = self.rows.iter().any(|(probe, reached)| !reached[self.mode] && seen.get(probe) == Some(&true));
            if late && !leaked { Err(printed) } else { Ok(printed) }
        });
        self.check(verb, &printed);
    }

    /// A fresh container for one command. An address of the sixth version, which only `open` has, comes a second later.
    fn run(&self) {
        let script =
            if MODES[self.mode] == "open" { AFTER_IPV6 } else { "exec sudo python3 /workspace/probe.py \"$@\"" };
        let args = ["run", "--", "bash", "-c", script, "bash"];
        let out = self.host.cci(&args.into_iter().chain(self.probes()).collect::<Vec<_>>()).ok();
        self.check("run", &out.stdout);
    }

    /// A session whose container stays; also the same container again after its stop.
    fn shell(&self) -> String {
        let out = self.host.cci(&["shell", "--background", "--persistent", "--debug"]).ok();
        out.stdout.split_whitespace().next().unwrap().to_owned()
    }

    /// A container whose cci is killed the moment it runs its command.
    fn killed(&self) -> String {
        let mark = self.host.proj.join("started");
        let mut command =
            self.host.cci_command(&["run", "--slot", "7", "--", "sh", "-c", "touch started; exec sleep 1000"]);
        let mut child: Child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait::until("the command runs", Duration::from_secs(120), || {
            if mark.exists() { Ok(()) } else { Err("not yet".to_owned()) }
        });
        kill_group(&child);
        child.wait().unwrap();
        let list = self.bed.incus(&["list", "-f", "csv", "-c", "n"]);
        let ours = list.lines().find(|name| name.starts_with(&self.host.prefix) && name.ends_with("-7"));
        ours.expect("the killed cci's container").to_owned()
    }

    fn reboot(&self, container: &str) {
        let path = format!("/1.0/instances/{container}/state");
        // while it reboots Incus has no answer at times
        let state = || -> Result<serde_json::Value, String> {
            serde_json::from_str(&self.bed.attempt("incus", &["query", &path])?).map_err(|error| error.to_string())
        };
        let before = state().unwrap();
        // the exec ends with the container's PID 1, so its status says nothing
        let _ = self.bed.spawn_incus(&["exec", container, "--", "systemctl", "reboot", "--force"]).wait();
        wait::until("the container has rebooted", Duration::from_secs(60), || {
            let now = state()?;
            if now["status"] == "Running" && now["pid"] != before["pid"] { Ok(()) } else { Err(now["pid"].to_string()) }
        });
    }
}

/// What Incus and the kernel know of networks, in an order that does not matter.
fn dump(bed: &Bed) -> Vec<String> {
    let nft = bed.command("nft", &["-s", "list", "ruleset"]);
    let networks = bed.incus(&["network", "list", "-f", "json"]);
    let acls = bed.incus(&["network", "acl", "list", "-f", "json"]);
    let links = bed.command("ip", &["-br", "link"]);
    let names = links.lines().filter_map(|line| line.split_whitespace().next()).collect::<Vec<_>>().join("\n");
    let mut all: Vec<String> = [nft, networks, acls, names].concat().lines().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn every_cell_of_the_matrix_is_what_the_contract_says() {
    let mut bed = Bed::start();
    // the first filter on a NIC makes Incus's own table for them, which it keeps; and the image is unpacked before the clock runs
    bed.incus(&["launch", &image(), "first", "-d", "eth0,security.mac_filtering=true", "--quiet"]);
    bed.incus(&["delete", "-f", "first"]);
    let before = dump(&bed);
    let ports = Ports::serve(&bed);
    bed.serve_the_web();
    bed.serve_the_web_on_host();
    assert!(bed.host_reaches("127.0.0.1".to_owned(), ports.loopback), "the service on the loopback is dead");
    let rows = ports.table();
    let hosts: Vec<Host> = MODES.iter().map(|_| bed.host(U1000)).collect();
    for (mode, host) in MODES.iter().zip(&hosts) {
        std::fs::write(host.proj.join("probe.py"), PROBE).unwrap();
        configure(
            host,
            &format!(
                "mode = \"{mode}\"\nallowed_domains = [\"{}:{}\", \"{LISTED}\", \"{}:80\"]",
                PUBLIC[0], ports.internet, WEB[0]
            ),
        );
    }
    let made = stage(&bed, &hosts, &rows, |place| {
        place.run();
        let stays = place.shell();
        place.check_in("shell", &stays);
        let killed = place.killed();
        place.check_in("kill -9 of cci", &killed);
        if ["allowlist", "learn"].contains(&MODES[place.mode]) {
            without_a_supervisor(place, &stays);
        }
        place.reboot(&stays);
        place.check_in("reboot inside", &stays);
        (stays, killed)
    });
    neighbours_are_out_of_reach(&bed, &made);
    for ((stays, _), host) in made.iter().zip(&hosts[..3]) {
        hammer(&bed, host, stays, ports.internet);
    }
    bed.crash_and_restart();
    for ((stays, _), host) in made.iter().zip(&hosts[..3]) {
        bed.incus(&["exec", stays, "--", "touch", "/workspace/enough"]);
        let told = wait::until("the hammer ends", Duration::from_secs(30), || {
            let told = std::fs::read_to_string(host.proj.join("told")).unwrap();
            if told.is_empty() { Err("not yet".to_owned()) } else { Ok(told) }
        });
        assert!(told.ends_with(" leaked 0\n"), "while Incus was started again: {told}");
        assert!(!told.starts_with("tried 0 "), "{told}");
    }
    let names = made.clone();
    stage(&bed, &hosts, &rows, |place| {
        let (stays, killed) = &names[place.mode];
        place.check_in("restart of Incus", stays);
        place.check_in("restart of Incus after kill -9 of cci", killed);
        place.bed.incus(&["stop", "-f", stays]);
        assert_eq!(&place.shell(), stays, "it is the same container");
        place.check_in("persistent reuse", stays);
        place.host.cci(&["kill", "--all", "--force"]).ok();
    });
    wait::until("no container is left", Duration::from_secs(60), || {
        let left = bed.incus(&["list", "-f", "csv", "-c", "n"]);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    for host in &hosts {
        host.cci(&["clean", "--force"]).ok();
    }
    assert_eq!(dump(&bed), before, "clean leaves nothing behind");
}

/// Whoever judges names is killed: none is reached, until a command has it again.
fn without_a_supervisor(place: &Place<'_>, container: &str) {
    supervisor::kill(&place.host.home);
    let probe = format!("web {} 80", WEB[0]);
    let seen = || read(&place.bed.incus(&["exec", container, "--", "python3", "/workspace/probe.py", &probe]));
    assert!(!seen()[&probe], "reached without a supervisor");
    // any other command would take the container of the killed cci away
    place.host.cci(&["supervisor", "restart"]).ok();
    wait::until("names are judged again", Duration::from_secs(20), || {
        if seen()[&probe] { Ok(()) } else { Err("not yet".to_owned()) }
    });
}

/// The same for each mode at once, so that a refusal and the same listener's answer in `open` are seconds apart.
fn stage<T: Send>(bed: &Bed, hosts: &[Host], rows: &[Row], work: impl Fn(&Place<'_>) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let places =
            hosts.iter().enumerate().map(|(mode, host)| scope.spawn(move || work(&Place { bed, mode, host, rows })));
        let places: Vec<_> = places.collect();
        places.into_iter().map(|place| place.join().unwrap()).collect()
    })
}

const SERVE: &str = "import socket\ns = socket.create_server(('', 7001), family=socket.AF_INET6, dualstack_ipv6=True)\n\
                     open('/tmp/serves', 'w')\nwhile True: s.accept()[0].sendall(b'here')";

/// The two containers of a mode stand on one bridge and never reach each other; the host reaches both. They do not learn
/// each other's names either.
fn neighbours_are_out_of_reach(bed: &Bed, made: &[(String, String)]) {
    for (mode, (from, to)) in MODES.iter().zip(made) {
        let mut server = bed.spawn_incus(&["exec", to, "--", "python3", "-c", SERVE]);
        let config = bed.incus(&["config", "device", "get", to, "eth0", "ipv4.address"]);
        let address = config.trim().to_owned();
        wait::until("the neighbour serves", Duration::from_secs(60), || {
            if bed.host_reaches(address.clone(), 7001) { Ok(()) } else { Err(format!("{mode}: {address}")) }
        });
        let probes = ["tcp", "icmp", "fragments"].map(|protocol| format!("{protocol} {address} 7001"));
        let args = ["exec", from, "--", "python3", "/workspace/probe.py"];
        let seen = read(&bed.incus(&args.into_iter().chain(probes.iter().map(String::as_str)).collect::<Vec<_>>()));
        assert!(seen.values().all(|reached| !reached), "mode {mode}: {seen:?}");
        let reverse =
            address.rsplit('.').map(|octet| format!("{octet}.")).collect::<Vec<_>>().concat() + "in-addr.arpa";
        let names = [format!("name {reverse} 12"), format!("name {to} 1"), format!("name {to}.incus 1")];
        let seen = read(&bed.incus(&args.into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>()));
        assert!(seen.values().all(|known| *known == (*mode == "open")), "mode {mode}: {seen:?}");
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

const HAMMER: &str = "import os, socket, sys
tried = leaked = 0
open('/workspace/hammers', 'w')
while not os.path.exists('/workspace/enough'):
    for address in sys.argv[2:]:
        tried += 1
        try: socket.create_connection((address, int(sys.argv[1])), 0.1).close(); leaked += 1
        except OSError: pass
print('tried', tried, 'leaked', leaked)";

/// Tries what is forbidden again and again until it is told that it is enough; it lives on without Incus.
fn hammer(bed: &Bed, host: &Host, container: &str, port: u16) {
    let detached = "setsid python3 -c \"$@\" > /workspace/told 2>&1 < /dev/null &";
    let port = port.to_string();
    bed.incus(&[&["exec", container, "--", "bash", "-c", detached, "bash", HAMMER, &port][..], &NEAR].concat());
    wait::until("the hammer works", Duration::from_secs(30), || {
        if host.proj.join("hammers").exists() { Ok(()) } else { Err("not yet".to_owned()) }
    });
}
