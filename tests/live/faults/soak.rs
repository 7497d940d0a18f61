//! Launch, work and stop, over and over: nothing grows.

use std::process::Command;

use super::bed::{Bed, entries};
use crate::support::figures;
use crate::support::host::{Host, U1000, incus};

/// What a host has of one user's cci, each as a number.
#[derive(Debug, PartialEq, Eq)]
struct Size {
    containers: usize,
    networks: usize,
    rules: usize,
    mounts: usize,
    files: Vec<String>,
}

fn size(bed: &Bed, bridge: &str) -> Size {
    let of_bridge = |text: &str| text.lines().filter(|line| line.contains(bridge)).count();
    let nft = Command::new("nft").args(["list", "ruleset"]).output().expect("the tests need nftables");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    Size {
        containers: bed.containers().len(),
        networks: of_bridge(&incus(&["network", "list", "-f", "csv"]))
            + of_bridge(&incus(&["network", "acl", "list", "-f", "csv"])),
        rules: of_bridge(&String::from_utf8_lossy(&nft.stdout)),
        mounts: mounts.lines().filter(|line| line.contains(&bed.host.prefix)).count(),
        files: ["", "sessions-claude", "unfinished", "network"]
            .iter()
            .flat_map(|dir| {
                entries(&bed.host.home.join(".cci").join(dir)).into_iter().map(move |file| format!("{dir}/{file}"))
            })
            .collect(),
    }
}

fn cycle(bed: &Bed, config: &str) {
    bed.host.cci(&["shell", "--background", "--debug", config]).ok();
    let name = bed.containers().remove(0);
    bed.host.cci(&["tmux", "send", &name, "echo worked"]).ok();
    bed.host.cci(&["kill", &name]).ok();
    bed.host.cci(&["clean", "--sessions", "--force"]).ok();
    bed.host.cci(&["run", config, "--", "true"]).ok();
    bed.wait_for_containers("the end of a cycle", 0);
}

#[test]
fn nothing_grows() {
    let bed = Bed::new();
    let file = tempfile::Builder::new().suffix(".toml").tempfile_in("/var/tmp").unwrap();
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    // an address that no other test names, so that the network and its rules are this test's own
    let own = format!("198.51.100.{}", 200 + std::process::id() % 50);
    let policy = format!("[network]\nmode = \"allowlist\"\nallowed_domains = [\"{own}\"]\n");
    std::fs::write(file.path(), policy).unwrap();
    let config = format!("--config={}", file.path().display());
    // somebody else is on the same network, or the `clean` of any test beside this one would take it meanwhile
    let neighbour = Host::live(U1000);
    neighbour.cci(&["shell", "--background", "--debug", &config]).ok();
    // what the host notes of containers may come with the second
    (0..2).for_each(|_| cycle(&bed, &config));
    let acls = incus(&["query", "/1.0/network-acls?recursion=1"]);
    let acls: serde_json::Value = serde_json::from_str(&acls).unwrap();
    let all = acls.as_array().unwrap();
    let ours = all.iter().find(|acl| acl.to_string().contains(&own)).expect("the policy has an ACL");
    let bridge = ours["name"].as_str().unwrap();
    let before = size(&bed, bridge);
    assert!(before.networks > 0 && !before.files.is_empty(), "{before:?}");
    let cycles = figures::rounds(3, 300);
    for _ in 0..cycles {
        cycle(&bed, &config);
    }
    assert_eq!(size(&bed, bridge), before, "after {cycles} cycles");
    figures::note(&format!("soak: {cycles} cycles, before and after {before:?}"));
    bed.assert_others_untouched("the soak");
    bed.host.cci(&["clean", "--force"]);
}
