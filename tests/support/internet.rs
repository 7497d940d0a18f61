//! A stand-in internet on this machine: a network namespace with a public-looking address that only it has.

use std::fs::File;
use std::net::TcpListener;
use std::process::Command;
use std::sync::OnceLock;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The address that plays a server on the internet.
pub const SERVER: &str = "198.51.100.10";
const NAMESPACE: &str = "cci-net-internet";
const GATEWAY: &str = "198.51.100.1/24";

/// Makes the namespace once; it is shared by all test processes and removed by `tests/run`.
fn namespace() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if listens_there() {
            return;
        }
        let steps: [&[&str]; 8] = [
            &["netns", "add", NAMESPACE],
            &["link", "add", "cci-net0", "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE],
            &["addr", "add", GATEWAY, "dev", "cci-net0"],
            &["link", "set", "cci-net0", "up"],
            &["-n", NAMESPACE, "addr", "add", "198.51.100.10/24", "dev", "eth0"],
            &["-n", NAMESPACE, "link", "set", "eth0", "up"],
            &["-n", NAMESPACE, "link", "set", "lo", "up"],
            &["-n", NAMESPACE, "route", "add", "default", "via", "198.51.100.1"],
        ];
        for step in steps {
            // another test process may be making it at this moment: only the whole counts
            let _ = Command::new("ip").args(step).output().expect("the tests need iproute2");
        }
        super::wait::until("the stand-in internet is there", std::time::Duration::from_secs(10), || {
            if listens_there() { Ok(()) } else { Err("no address in the namespace".to_owned()) }
        });
    });
}

fn listens_there() -> bool {
    let show = Command::new("ip").args(["-n", NAMESPACE, "-4", "route", "show", "default"]).output();
    show.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("198.51.100.1"))
}

/// A listener on a free port of the stand-in internet.
pub fn listen() -> TcpListener {
    namespace();
    std::thread::spawn(|| {
        let there = File::open(format!("/run/netns/{NAMESPACE}")).unwrap();
        // only this thread moves; the socket stays in the namespace it was made in
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), Some(LinkNameSpaceType::Network)).unwrap();
        TcpListener::bind((SERVER, 0)).unwrap()
    })
    .join()
    .unwrap()
}
