//! Names of an allowlist: who answers them, what they lead to, and how they move.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{host, read};
use crate::support::host::{Host, Output, incus, run};
use crate::support::internet::{self, NEAR, PUBLIC};
use crate::support::wait;

/// A host whose own names are those of a file that the test writes: cci looks them up there.
pub(crate) struct Named {
    pub(crate) host: Host,
    names: PathBuf,
}

impl Named {
    pub(crate) fn new(allowed: &[&str], names: &str) -> Self {
        let host = host(&format!("mode = \"allowlist\"\nallowed_domains = {allowed:?}"));
        let file = host.dir("etc").join("hosts");
        std::fs::write(&file, names).unwrap();
        Self { host, names: file }
    }

    /// Changes the names in place: the mounted file is this one.
    pub(crate) fn rename(&self, names: &str) {
        std::fs::write(&self.names, names).unwrap();
    }

    /// `cci` in a mount namespace with these names.
    #[track_caller]
    pub(crate) fn cci(&self, args: &[&str]) -> Output {
        self.cci_with(&[], args)
    }

    /// The same with further variables.
    #[track_caller]
    pub(crate) fn cci_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Output {
        let mut cci = self.with_names(&self.host.cci_command(args));
        cci.envs(variables.iter().copied());
        run(cci, b"")
    }

    /// A command of the host's in a mount namespace with these names.
    pub(crate) fn with_names(&self, inner: &Command) -> Command {
        let mount = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "--", "sh", "-c", mount, "sh"]).arg(&self.names);
        command.arg(inner.get_program()).args(inner.get_args());
        command.env_clear().envs(self.host.environment()).current_dir(&self.host.proj);
        command
    }

    /// A running container; its name.
    #[track_caller]
    pub(crate) fn container(&self) -> String {
        self.cci(&["shell", "--background", "--debug"]).ok();
        let container = self.host.only_container();
        // the container's own network daemon takes over first: an older image is without a route for that moment
        wait::until("the container's network is settled", Duration::from_secs(60), || {
            let state = self.exec(&container, &["sh", "-c", "networkctl --no-legend list eth0 || true"]);
            if state.contains("configured") { Ok(()) } else { Err(state) }
        });
        container
    }

    /// What a command in the container prints.
    #[track_caller]
    pub(crate) fn exec(&self, container: &str, command: &[&str]) -> String {
        incus(&[&["exec", "--project", &self.host.project, container, "--"], command].concat())
    }

    /// The addresses that a name has in the container, from the name server of its network.
    #[track_caller]
    pub(crate) fn addresses(&self, container: &str, name: &str) -> String {
        self.exec(container, &["sh", "-c", &format!("getent ahostsv4 {name} | cut -d' ' -f1 | sort -u | xargs")])
            .trim()
            .to_owned()
    }
}

/// Asks a name server by hand: type, transport, and how many answers came, or that none did.
pub(crate) const ASK: &str = r#"
import socket, struct, sys
server, name, kind, transport = sys.argv[1:]
ask = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
ask += b"\0" + struct.pack(">HH", int(kind), 1)
try:
    if transport == "udp":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect((server, 53)); s.send(ask)
        reply = s.recv(4096)
    else:
        s = socket.create_connection((server, 53), 2); s.sendall(struct.pack(">H", len(ask)) + ask)
        reply = s.recv(4096)[2:]
    print("rcode", reply[3] & 15, "answers", struct.unpack(">H", reply[6:8])[0])
except OSError as error:
    print("none")
"#;

#[test]
fn only_listed_names_resolve_and_only_to_public_addresses() {
    let (good, rebound) = ("good.cci.test", "rebound.cci.test");
    let table = format!("{} {good}\n{} {rebound}\n{} unlisted.cci.test\n", PUBLIC[0], NEAR[0], PUBLIC[1]);
    let named = Named::new(&[good, rebound], &table);
    let container = named.container();
    assert_eq!(named.addresses(&container, good), PUBLIC[0]);
    for name in [rebound, "unlisted.cci.test", "sub.good.cci.test", "example.com"] {
        assert_eq!(named.addresses(&container, name), "", "{name}");
    }
    let gateway = named.exec(&container, &["sh", "-c", "ip route show default | head -n 1 | cut -d' ' -f3"]);
    let ask = |name: &str, kind: &str, transport: &str| {
        named.exec(&container, &["python3", "-c", ASK, gateway.trim(), name, kind, transport]).trim().to_owned()
    };
    for transport in ["udp", "tcp"] {
        assert_eq!(ask(good, "1", transport), "rcode 0 answers 1", "{transport}");
        // a tunnel would put its data into names like this one
        assert_eq!(ask("6578666c.tunnel.cci.test", "16", transport), "rcode 3 answers 0", "{transport}");
        assert_eq!(ask(good, "16", transport), "rcode 0 answers 0", "{transport}");
    }
}

#[test]
fn a_name_server_outside_is_not_reachable() {
    let named = Named::new(&["good.cci.test"], &format!("{} good.cci.test\n", PUBLIC[0]));
    let container = named.container();
    for transport in ["udp", "tcp"] {
        for server in [PUBLIC[1], NEAR[0]] {
            let answer = named.exec(&container, &["python3", "-c", ASK, server, "good.cci.test", "1", transport]);
            assert_eq!(answer.trim(), "none", "{server} {transport}");
        }
    }
}

#[test]
fn a_name_server_of_the_host_on_another_bridge_answers_nothing() {
    let named = Named::new(&["good.cci.test"], &format!("{} good.cci.test\n", PUBLIC[0]));
    let address = incus(&["network", "get", "incusbr0", "ipv4.address"]);
    let server = address.trim().split('/').next().unwrap();
    let ask = |mode: &str, transport: &str| {
        let command = ["run", "--network", mode, "--", "python3", "-c", ASK, server, "nobody.incus", "1", transport];
        named.cci(&command).ok().stdout.trim().to_owned()
    };
    for transport in ["udp", "tcp"] {
        assert_eq!(ask("open", transport), "rcode 3 answers 0", "it answers, {transport}");
        assert_eq!(ask("allowlist", transport), "none", "{transport}");
    }
}

#[test]
fn a_name_that_moves_is_followed_and_one_that_is_lost_is_kept() {
    let port = internet::serve();
    let name = "moves.cci.test";
    let named = Named::new(&[name], &format!("{} {name}\n", PUBLIC[0]));
    let container = named.container();
    assert_eq!(named.addresses(&container, name), PUBLIC[0]);

    named.rename(&format!("{} {name}\n", PUBLIC[1]));
    let out = named.cci(&["network", "refresh"]).ok();
    assert!(out.stdout.contains(&format!("changed: {name}")), "{out}");
    // an answer may be kept for as long as it was told to live
    wait::until("the name has moved", Duration::from_secs(45), || {
        let now = named.addresses(&container, name);
        if now == PUBLIC[1] { Ok(()) } else { Err(now) }
    });
    let probes = PUBLIC.map(|address| format!("tcp {address} {port}"));
    let seen = read(&named.exec(&container, &["python3", "/workspace/probe.py", &probes[0], &probes[1]]));
    assert!(seen.values().all(|reached| *reached), "who asked before and who asks now both get there: {seen:?}");

    named.rename("");
    let out = named.cci(&["network", "refresh"]).ok();
    assert!(out.stdout.contains(&format!("not found, kept: {name}")), "{out}");
    let shown = named.cci(&["network", "show", &container]).ok();
    assert!(shown.stdout.contains(&format!("  {name} {}\n", PUBLIC[1])), "{shown}");
}

#[test]
fn why_and_show_name_the_rule_that_decides() {
    let name = "good.cci.test";
    let named = Named::new(&[&format!("{name}:22,443")], &format!("{} {name}\n", PUBLIC[0]));
    let container = named.container();
    let why = |host: &str| named.cci(&["network", "why", host, "--from", &container]).ok().stdout;
    for (host, because) in [
        (format!("{name}:443"), format!("{name}: allowed: {name}:22,443, by the name in the request, on port 443\n")),
        (format!("{name}:80"), format!("{name}: refused: {name}:22,443 is for other ports\n")),
        (format!("{name}:22"), format!("{name} ({}): allowed: allowed_domains\n", PUBLIC[0])),
        (format!("{name}:8080"), format!("{name} ({}): refused: not in allowed_domains\n", PUBLIC[0])),
        (PUBLIC[1].to_owned(), format!("{}: refused: not in allowed_domains\n", PUBLIC[1])),
        (NEAR[0].to_owned(), format!("{}: refused: private networks, other containers and the host\n", NEAR[0])),
    ] {
        assert_eq!(why(&host), because);
    }
    assert!(why("other.cci.test").contains("does not resolve in the container"), "{}", why("other.cci.test"));
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&named.cci(&[args, &["--format", "json"]].concat()).ok().stdout).unwrap()
    };
    let answer = json(&["network", "why", NEAR[4], "--from", &container]);
    assert_eq!(answer[0]["allowed"], false);
    assert_eq!(answer[0]["because"], "refused: link-local addresses and cloud metadata");
    let shown = json(&["network", "show", &container]);
    assert_eq!((&shown["mode"], &shown["names"][name][0]), (&"allowlist".into(), &PUBLIC[0].into()), "{shown}");
    let rules = shown["rules"].as_array().unwrap();
    let actions: Vec<&str> = rules.iter().map(|rule| rule["action"].as_str().unwrap()).collect();
    let allow = actions.iter().position(|action| *action == "allow").unwrap();
    assert!(actions[..allow].iter().all(|action| *action == "reject"), "what refuses stands first: {actions:?}");
    assert_eq!(actions.last(), Some(&"reject"));
}

#[test]
fn a_firewall_of_the_host_is_named_with_its_fix() {
    let host = host("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.83\"]");
    let cci = host.cci_command(&["run", "--", "true"]);
    let mut command = Command::new("unshare");
    let firewalld = "mount -t tmpfs tmpfs /run && touch /run/firewalld.pid && exec \"$@\"";
    command.args(["-m", "--", "sh", "-c", firewalld, "sh"]).arg(cci.get_program()).args(cci.get_args());
    command.env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"").ok();
    assert!(out.stderr.contains("firewalld drops DHCP, DNS and forwarded packets of new bridges"), "{out}");
    assert!(out.stderr.contains("sudo firewall-cmd --permanent --zone=trusted --add-interface=cci-"), "{out}");
    host.wait_until_gone();
    host.cci(&["clean", "--force"]).ok();
}
