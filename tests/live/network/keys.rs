//! Each key of `[network]` has its effect: what it allows is reached by live packets, and nothing more.

use super::{configure, host, read};
use crate::support::host::{Host, Output};
use crate::support::internet::{self, NEAR};

const METADATA: &str = "169.254.169.254";

/// Which of the near addresses a fresh container reaches.
#[track_caller]
fn reached(host: &Host, port: u16) -> (Vec<String>, Output) {
    let mut args = vec!["run", "--", "python3", "/workspace/probe.py"];
    let probes = NEAR.map(|address| format!("tcp {address} {port}"));
    args.extend(probes.iter().map(String::as_str));
    let out = host.cci(&args).ok();
    let reached = read(&out.stdout).into_iter().filter(|(_, reached)| *reached);
    let mut addresses: Vec<String> = reached.map(|(probe, _)| probe.split(' ').nth(1).unwrap().to_owned()).collect();
    addresses.sort();
    (addresses, out)
}

#[test]
fn each_key_opens_what_it_names_and_nothing_else() {
    let port = internet::serve();
    let mut private: Vec<String> = NEAR.iter().filter(|near| **near != METADATA).map(ToString::to_string).collect();
    private.sort();
    let host = host("block_private_networks = false");
    assert_eq!(reached(&host, port).0, private);
    configure(&host, "allow_local_network_access = true");
    assert_eq!(reached(&host, port).0, private);
    configure(&host, "block_metadata_endpoint = false");
    assert_eq!(reached(&host, port).0, [METADATA]);
}

#[test]
fn an_allowlist_never_opens_what_is_near_and_says_so() {
    let port = internet::serve();
    let host = host(
        "mode = \"allowlist\"\nallowed_domains = [\"198.51.100.12\"]\nblock_private_networks = false\nblock_metadata_endpoint = false\nallow_local_network_access = true",
    );
    let (reached, out) = reached(&host, port);
    assert_eq!(reached, Vec::<String>::new());
    for key in ["block_private_networks", "block_metadata_endpoint", "allow_local_network_access"] {
        assert!(out.stderr.contains(&format!("network.{key} ")), "{key}: {out}");
    }
}
