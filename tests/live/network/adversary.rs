//! What root in a container tries, to get past an allowlist of names. Each attempt is shown to work where nothing refuses
//! it.

use super::by_name::{PROGRAM, check, named, read};
use super::names::Named;
use crate::support::host::incus;
use crate::support::internet::{self, HOST_SIDE, NEAR};
use crate::support::web::{self, Web};

/// A server, and an allowlist with some of the names that lead to it.
pub(super) struct Attack {
    pub(super) named: Named,
    pub(super) web: Web,
    _files: tempfile::TempDir,
}

/// Questions for the server, which stands in them as `WEB`, each with its outcome.
pub(super) type Asked<'a> = &'a [(&'a str, &'static str)];

impl Attack {
    /// The server is at the address of the stand-in internet that ends like this.
    pub(super) fn new(last: u8, allowed: &[&str], names: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let web = Web::start(last, files.path());
        let table = names.iter().map(|name| format!("{} {name}\n", web.address)).collect::<Vec<_>>().concat();
        Self { named: named(allowed, &table), web, _files: files }
    }

    /// Root asks in a container of its own, after a script, under this policy and then in mode `open`.
    #[track_caller]
    pub(super) fn after(&self, script: &str, by_name: Asked<'_>, open: Asked<'_>) {
        for (network, asked) in [(&[][..], by_name), (&["--network", "open"][..], open)] {
            let wanted = self.wanted(asked);
            let script = format!("{script}\nexec python3 {PROGRAM} \"$@\"");
            let command = ["--", "sudo", "bash", "-c", &script, "bash"];
            let questions = wanted.iter().map(|(asked, _)| asked.as_str());
            let args: Vec<&str> =
                ["run"].into_iter().chain(network.iter().copied()).chain(command).chain(questions).collect();
            check(&self.named.cci(&args).ok().stdout, &wanted);
        }
    }

    #[track_caller]
    pub(super) fn tried(&self, by_name: Asked<'_>, open: Asked<'_>) {
        self.after("", by_name, open);
    }

    /// The same in a container that stays.
    #[track_caller]
    pub(super) fn in_container(&self, container: &str, asked: Asked<'_>) {
        let wanted = self.wanted(asked);
        let questions = wanted.iter().map(|(asked, _)| asked.as_str());
        check(
            &self.named.exec(container, &["python3", PROGRAM].into_iter().chain(questions).collect::<Vec<_>>()),
            &wanted,
        );
    }

    fn wanted(&self, asked: Asked<'_>) -> Vec<(String, &'static str)> {
        asked.iter().map(|(asked, outcome)| (asked.replace("WEB", &self.web.address), *outcome)).collect()
    }
}

#[test]
fn tls_without_a_name() {
    let attack = Attack::new(50, &["a.n50.test"], &["a.n50.test"]);
    attack.tried(&[("https WEB -", "alert"), ("https WEB a.n50.test", "200")], &[("https WEB -", "200")]);
}

#[test]
fn one_name_outside_and_another_inside() {
    let attack = Attack::new(51, &["a.n51.test", "b.n51.test"], &["a.n51.test", "b.n51.test", "c.n51.test"]);
    attack.tried(
        &[
            ("absolute WEB a.n51.test,c.n51.test", "421"),
            ("absolute WEB a.n51.test,b.n51.test", "421"),
            ("absolute WEB a.n51.test,a.n51.test", "200"),
            ("tunnelled WEB a.n51.test,c.n51.test", "alert"),
            ("tunnelled WEB a.n51.test,b.n51.test", "alert"),
            ("tunnelled WEB a.n51.test,a.n51.test", "200"),
        ],
        &[("absolute WEB a.n51.test,c.n51.test", "200")],
    );
}

#[test]
fn the_second_request_of_a_connection() {
    let attack = Attack::new(52, &["a.n52.test", "b.n52.test"], &["a.n52.test", "b.n52.test", "c.n52.test"]);
    attack.tried(
        &[
            ("twice WEB a.n52.test,b.n52.test", "200 200"),
            ("twice WEB a.n52.test,c.n52.test", "200 403"),
            ("twice WEB c.n52.test,a.n52.test", "403 200"),
        ],
        &[("twice WEB a.n52.test,c.n52.test", "200 200")],
    );
}

#[test]
fn a_tunnel_to_another_port() {
    let attack = Attack::new(53, &["a.n53.test:80,443", "b.n53.test:80,8443"], &["a.n53.test", "b.n53.test"]);
    let at = attack.web.address.clone();
    web::answer_all(internet::inside(move || std::net::TcpListener::bind((at.as_str(), 8443)).unwrap()));
    attack.tried(
        &[
            ("connect WEB a.n53.test:8443", "403"),
            ("connect WEB a.n53.test:22", "403"),
            ("connect WEB b.n53.test:443", "403"),
            ("connect WEB c.n53.test:443", "403"),
            // where the rule has the port there is a way
            ("connect WEB b.n53.test:8443", "200"),
            ("connect WEB a.n53.test:443", "200"),
        ],
        &[("connect WEB a.n53.test:8443", "200")],
    );
}

#[test]
fn an_address_for_a_name() {
    let attack = Attack::new(54, &["a.n54.test"], &["a.n54.test"]);
    attack.tried(
        &[
            ("https WEB WEB", "alert"),
            ("http WEB WEB", "403"),
            ("http WEB [::ffff:WEB]", "403"),
            ("http WEB [::1]", "403"),
            ("connect WEB WEB:443", "403"),
            ("http WEB 3325256758", "403"),
            ("http WEB 0xc6.0x33.0x64.0x36", "403"),
            ("http WEB a.n54.test", "200"),
        ],
        &[
            ("https WEB WEB", "200"),
            ("http WEB WEB", "200"),
            ("http WEB [::ffff:WEB]", "200"),
            ("http WEB 3325256758", "200"),
        ],
    );
}

#[test]
fn quic() {
    let attack = Attack::new(55, &["a.n55.test"], &["a.n55.test"]);
    attack.tried(&[("quic WEB -", "refused"), ("https WEB a.n55.test", "200")], &[("quic WEB -", "answered")]);
}

#[test]
fn a_hello_that_hides_its_name() {
    let attack = Attack::new(56, &["a.n56.test"], &["a.n56.test"]);
    attack.tried(
        &[("ech WEB a.n56.test", "alert"), ("pieces WEB a.n56.test", "handshake")],
        &[("ech WEB a.n56.test", "handshake")],
    );
}

#[test]
fn a_hello_in_single_bytes_and_over_two_records() {
    let attack = Attack::new(57, &["a.n57.test"], &["a.n57.test", "b.n57.test"]);
    attack.tried(
        &[
            ("pieces WEB a.n57.test", "handshake"),
            ("pieces WEB b.n57.test", "alert"),
            ("records WEB a.n57.test", "handshake"),
            ("records WEB b.n57.test", "alert"),
        ],
        &[("pieces WEB b.n57.test", "handshake"), ("records WEB b.n57.test", "handshake")],
    );
}

#[test]
fn a_listed_name_that_leads_to_what_is_near() {
    let names = ["private", "metadata", "host", "bridge", "mapped", "loopback"].map(|name| format!("{name}.n58.test"));
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let attack = Attack::new(58, &listed, &listed);
    for near in [NEAR[0], NEAR[4]] {
        web::answer_all(internet::inside(move || std::net::TcpListener::bind((near, 80)).unwrap()));
    }
    let container = attack.named.container();
    let asked: Vec<String> =
        names.iter().flat_map(|name| [format!("http WEB {name}"), format!("https WEB {name}")]).collect();
    let all = |plain: &'static str, tls: &'static str| -> Vec<(&str, &'static str)> {
        asked.iter().map(|asked| (asked.as_str(), if asked.starts_with("https") { tls } else { plain })).collect()
    };
    attack.in_container(&container, &all("200", "200"));
    let network = super::network_of(&attack.named.host, &container);
    let bridge = incus(&["network", "get", &network, "ipv4.address"]);
    let bridge = bridge.trim().split('/').next().unwrap().to_owned();
    let mapped = format!("::ffff:{}", NEAR[0]);
    let near = [NEAR[0], NEAR[4], HOST_SIDE, &bridge, &mapped, "127.0.0.1"];
    let table = near.iter().zip(&names).map(|(near, name)| format!("{near} {name}\n")).collect::<Vec<_>>().concat();
    attack.named.rename(&table);
    attack.in_container(&container, &all("403", "alert"));
    // there are servers at these addresses
    let reached = [format!("http {} private.n58.test", NEAR[0]), format!("http {} metadata.n58.test", NEAR[4])];
    attack.tried(
        &reached.each_ref().map(|asked| (asked.as_str(), "refused")),
        &reached.each_ref().map(|asked| (asked.as_str(), "200")),
    );
}

#[test]
fn a_request_that_two_servers_read_differently() {
    let attack = Attack::new(59, &["a.n59.test"], &["a.n59.test", "b.n59.test"]);
    attack.tried(
        &[("smuggled WEB a.n59.test,b.n59.test", "400"), ("http WEB a.n59.test", "200")],
        &[("smuggled WEB a.n59.test,b.n59.test", "200")],
    );
}

#[test]
fn rules_of_its_own_and_other_ways_there() {
    let attack = Attack::new(60, &["a.n60.test"], &["a.n60.test", "b.n60.test"]);
    let script = "(nft flush ruleset; iptables -F; iptables -P OUTPUT ACCEPT; sysctl -qw net.ipv4.ip_forward=1
        iptables -t nat -A OUTPUT -p tcp --dport 443 -j DNAT --to :80
        iptables -t nat -D OUTPUT -p tcp --dport 443 -j DNAT --to :80
        ip route add 198.51.100.0/24 via $(ip route show default | awk '{print $3; exit}')) > /dev/null 2>&1";
    attack.after(
        script,
        &[("https WEB b.n60.test", "alert"), ("http WEB b.n60.test", "403"), ("https WEB a.n60.test", "200")],
        &[("https WEB b.n60.test", "200"), ("http WEB b.n60.test", "200")],
    );
}

#[test]
fn the_door_of_another_policy() {
    let attack = Attack::new(61, &["a.n61.test"], &["a.n61.test", "b.n61.test"]);
    let other = named(&["b.n61.test"], &format!("{} b.n61.test\n", attack.web.address));
    let (container, neighbour) = (attack.named.container(), other.container());
    let gateway = |named: &Named, container: &str| {
        let address = incus(&["network", "get", &super::network_of(&named.host, container), "ipv4.address"]);
        address.trim().split('/').next().unwrap().to_owned()
    };
    let (own, door) = (gateway(&attack.named, &container), gateway(&other, &neighbour));
    assert_ne!(own, door);
    let asked = format!("door {door} b.n61.test");
    attack.in_container(&container, &[(&asked, "refused"), (&format!("door {own} a.n61.test"), "200")]);
    attack.in_container(&container, &[(&format!("door {own} b.n61.test"), "alert")]);
    // it is open to whom it is for
    let seen = other.exec(&neighbour, &["python3", PROGRAM, &asked]);
    assert_eq!(read(&seen)[&asked], "200");
}

#[test]
fn the_address_of_a_neighbour() {
    let attack = Attack::new(62, &["a.n62.test"], &["a.n62.test"]);
    let container = attack.named.container();
    let second = attack.named.cci(&["shell", "--background", "--debug"]).ok().stdout;
    let second = second.split_whitespace().next().unwrap();
    assert_ne!(container, second);
    let address = |name: &str| {
        let address =
            ["config", "device", "get", "--project", &attack.named.host.project, name, "eth0", "ipv4.address"];
        incus(&address).trim().to_owned()
    };
    let (own, theirs) = (address(&container), address(second));
    attack.named.exec(&container, &["ip", "addr", "add", &format!("{theirs}/32"), "dev", "lo"]);
    attack.in_container(
        &container,
        &[(&format!("spoofed WEB {theirs},a.n62.test"), "silence"), (&format!("spoofed WEB {own},a.n62.test"), "200")],
    );
    attack.in_container(second, &[(&format!("spoofed WEB {theirs},a.n62.test"), "200")]);
}
