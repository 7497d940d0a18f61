//! A name that is looked up and not listed: it has no address, and its person and its agent hear of it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::names::{ASK, Named};
use crate::support::host::{run, supervisor};
use crate::support::internet::PUBLIC;
use crate::support::wait;

/// Sends a question, in one piece, and waits until the answer is that there is no such name.
const ASK_AS_ANOTHER: &str = r#"
exec 3<>"/dev/udp/$1/$2" && printf "$3" | dd bs=512 iflag=fullblock status=none >&3
[ "$(timeout 10 head -c 4 <&3 | od -An -tx1 -j3 | tr -d ' ')" = 83 ]
"#;

/// A question for a name of the test's, with an option that says whose it is, as `printf` writes it.
fn question(name: &str, whose: &str) -> String {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in [name, "cci", "test"] {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.extend([0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 8, 0, 8, 0, 1, 32, 0]);
    bytes.extend(whose.parse::<Ipv4Addr>().unwrap().octets());
    bytes.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"))
}

fn named(name: &str) -> Named {
    Named::new(&[name], &format!("{} {name}\n{} unlisted.cci.test\n", PUBLIC[0], PUBLIC[1]))
}

/// The hosts whose refusal is in a container's log.
fn denied(named: &Named, container: &str) -> Vec<String> {
    let log = named.cci(&["network", "log", container, "--denied", "--format", "json"]).ok().stdout;
    let log: Vec<Value> = serde_json::from_str(&log).unwrap();
    log.iter().filter_map(|entry| entry["host"].as_str().map(str::to_owned)).collect()
}

#[track_caller]
fn wait_until_denied(named: &Named, container: &str, host: &str) {
    wait::until("it is in the log", Duration::from_secs(30), || {
        let denied = denied(named, container);
        if denied.iter().any(|denied| denied == host) { Ok(()) } else { Err(format!("{denied:?}")) }
    });
}

fn gateway(named: &Named, container: &str) -> String {
    let gateway = named.exec(container, &["sh", "-c", "ip route show default | head -n 1 | cut -d' ' -f3"]);
    gateway.trim().to_owned()
}

#[test]
fn a_look_up_of_an_unlisted_name_is_in_the_log_and_can_be_allowed() {
    let named = named("listed.u1.test");
    let container = named.container();
    assert_eq!(named.addresses(&container, "listed.u1.test"), PUBLIC[0]);
    assert_eq!(named.addresses(&container, "unlisted.cci.test"), "");
    wait_until_denied(&named, &container, "unlisted.cci.test");
    let log = named.cci(&["network", "log", &container, "--denied"]).ok().stdout;
    assert!(log.contains("no rule allows unlisted.cci.test, so it is not looked up"), "{log}");
    assert!(!log.contains("listed.u1.test"), "{log}");
    let why = named.exec(&container, &["su", "code", "-c", "cci-why"]);
    assert!(why.contains(&format!("cci network allow {container} unlisted.cci.test")), "{why}");
    // below a listed name, by other ways, and for what a tunnel would ask
    let gateway = gateway(&named, &container);
    for (name, kind, transport) in
        [("sub.listed.u1.test", "1", "udp"), ("by-tcp.cci.test", "1", "tcp"), ("6578666c.tunnel.cci.test", "16", "udp")]
    {
        let answer = named.exec(&container, &["python3", "-c", ASK, &gateway, name, kind, transport]);
        assert_eq!(answer.trim(), "rcode 3 answers 0", "{name}");
        wait_until_denied(&named, &container, name);
    }
    named.cci(&["network", "allow", &container, "unlisted.cci.test", "--for", "10m"]).ok();
    wait::until("it resolves", Duration::from_secs(30), || {
        let addresses = named.addresses(&container, "unlisted.cci.test");
        if addresses.is_empty() { Err(addresses) } else { Ok(()) }
    });
    let why = named.exec(&container, &["su", "code", "-c", "cci-why"]);
    assert!(!why.contains("unlisted.cci.test"), "{why}");
}

#[test]
fn nobody_puts_a_name_into_the_log_of_another() {
    let named = named("listed.u2.test");
    let (one, two) = (named.container(), {
        named.cci(&["shell", "--background", "--slot", "2"]).ok();
        named.host.containers().into_iter().find(|name| name.ends_with("-2")).unwrap()
    });
    let address = named.exec(&two, &["sh", "-c", "hostname -I | cut -d' ' -f1"]);
    let (address, gateway) = (address.trim(), gateway(&named, &one));
    // a container says that another one asks: it is known by its own address
    named.exec(&one, &["bash", "-c", ASK_AS_ANOTHER, "bash", &gateway, "53", &question("forged", address)]);
    wait_until_denied(&named, &one, "forged.cci.test");
    // another user of this host tells of a name itself; and a service of the system may
    let door = names_door(&named);
    for (user, name) in [("4242", "told"), ("0", "control")] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups", "--", "bash", "-c", ASK_AS_ANOTHER, "bash"]);
        command.args([&door.ip().to_string(), &door.port().to_string(), &question(name, address)]);
        run(command, b"").ok();
    }
    wait_until_denied(&named, &two, "control.cci.test");
    let denied = denied(&named, &two);
    assert!(!denied.iter().any(|host| ["forged.cci.test", "told.cci.test"].contains(&host.as_str())), "{denied:?}");
}

/// Where the supervisor hears of names, as a session's note has it.
fn names_door(named: &Named) -> SocketAddr {
    let notes = std::fs::read_dir(named.host.home.join(".cci/run")).unwrap().flatten();
    let note = |path: std::path::PathBuf| serde_json::from_slice::<Value>(&std::fs::read(path).ok()?).ok();
    let door = notes.filter_map(|entry| note(entry.path())?["egress"]["names_door"].as_str()?.parse().ok());
    door.into_iter().next().expect("no note has a door for names")
}

#[test]
fn while_nobody_hears_of_names_listed_ones_have_their_addresses_and_no_other_has_one() {
    let named = named("listed.u3.test");
    let container = named.container();
    let door = names_door(&named);
    supervisor::kill(&named.host.home);
    wait::until("nobody listens any more", Duration::from_secs(20), || {
        UdpSocket::bind(door).map(drop).map_err(|error| error.to_string())
    });
    assert_eq!(named.addresses(&container, "listed.u3.test"), PUBLIC[0]);
    assert_eq!(named.addresses(&container, "unlisted.cci.test"), "");
}
