//! The second layer of a policy's rules: it comes with the first container, goes with the last, and loses no start.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::names::ASK;
use super::{configure, host, network_of};
use crate::support::host::{Host, U1000, incus};
use crate::support::internet::PUBLIC;
use crate::support::wait;
use crate::support::watch::Over;

/// The second layer's table on the host, if it is there.
fn table(network: &str) -> Option<String> {
    let output = Command::new("nft").args(["list", "table", "inet", network]).output().expect("the tests need nft");
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// A policy that no other test has, and the name of its network, which stands.
pub(crate) fn own_policy(last: u8) -> (Host, String) {
    let host = host(&format!("mode = \"allowlist\"\nallowed_domains = [\"{}\", \"198.51.100.{last}\"]", PUBLIC[0]));
    host.cci(&["shell", "--background", "--debug"]).ok();
    let container = host.only_container();
    let network = network_of(&host, &container);
    assert!(table(&network).is_some());
    host.cci(&["kill", &container]).ok();
    host.wait_until_gone();
    gone(&network);
    (host, network)
}

#[track_caller]
fn gone(network: &str) {
    wait::until("the rules went with the last container", Duration::from_secs(30), || match table(network) {
        None => Ok(()),
        Some(left) => Err(left),
    });
}

#[test]
fn many_starts_at_once_lose_none_and_none_is_without_its_rules() {
    let rounds: usize = std::env::var("CCI_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let (host, network) = own_policy(81);
    let address = incus(&["network", "get", "incusbr0", "ipv4.address"]);
    let server = address.trim().split('/').next().unwrap();
    // each ends while others start; only the second layer closes another bridge's name server
    let one = |workspace: &str| {
        let ask = ["-w", workspace, "run", "--", "python3", "-c", ASK, server, "nobody.incus", "1", "tcp"];
        let out = host.cci(&ask).ok();
        assert_eq!(out.stdout, "none\n", "{out}");
    };
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (one, workspace) = (&one, host.dir(&format!("w{n}")));
            scope.spawn(move || (0..rounds).for_each(|_| one(workspace.to_str().unwrap())));
        }
    });
    host.wait_until_gone();
    gone(&network);
}

#[test]
fn a_host_whose_nftables_refuses_the_rules_is_told_so() {
    let (host, network) = own_policy(82);
    let foreign = format!("table inet {network} {{ chain to_host {{ type filter hook output priority 7; }}; }}");
    let nft = |command: &str| Command::new("nft").arg(command).status().unwrap().success();
    assert!(nft(&foreign));
    let out = host.cci(&["run", "--", "true"]);
    // the end of the container that could not start takes what has the policy's name with it, or leaves it to us
    nft(&format!("delete table inet {network}"));
    gone(&network);
    assert_eq!(out.code, 125, "{out}");
    assert!(out.stderr.contains("the host's nftables did not accept the rules of its network policy"), "{out}");
    assert!(out.stderr.contains("hint: "), "{out}");
    assert_eq!(host.containers(), [""; 0], "the container that could not start is not left");
    host.cci(&["run", "--", "true"]).ok();
    configure(&host, "mode = \"open\"");
    host.cci(&["run", "--", "true"]).ok();
}

#[test]
fn a_clean_beside_launches_with_new_and_unused_policies_loses_none() {
    let (cleaner, over) = (Host::live(U1000), AtomicBool::new(false));
    // what other tests left unused takes longer than all launches here
    cleaner.cci(&["clean", "--force"]).ok();
    let rounds = std::thread::scope(|scope| {
        let cleaning = scope.spawn(|| {
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) {
                cleaner.cci(&["clean", "--force"]).ok();
                rounds += 1;
            }
            rounds
        });
        let end = Over(&over);
        let launched: Vec<_> = (90..98)
            .flat_map(|last| {
                let host = host(&format!("mode = \"allowlist\"\nallowed_domains = [\"198.51.100.{last}\"]"));
                // the first makes the network, the others find it unused or gone
                [(); 3].map(|()| host.cci(&["run", "--", "true"]))
            })
            .collect();
        drop(end);
        for out in launched {
            out.ok();
        }
        cleaning.join().unwrap()
    });
    assert!(rounds > 8, "the clean-ups were too slow to meet a launch: {rounds}");
}
