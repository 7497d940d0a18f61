//! `cci setup` on a machine that has nothing: from Debian's smallest system to a user's first container.

use std::time::Duration;

use crate::support::clean_root::CleanRoot;
use crate::support::wait;

/// What `setup` decides about a machine, as text to compare.
const DUMP: &str = "cat /etc/passwd /etc/group /etc/subuid /etc/subgid; ls /etc/apt/sources.list.d
    incus storage list -f csv; incus network list -f csv -c ntm46s; incus image list -f csv
    incus profile show default | grep -v used_by; dpkg-query --show | sha256sum";

#[track_caller]
fn leads_to_a_first_container(suite: &str, packages: &str) {
    let machine = CleanRoot::of(suite);
    let out = machine.root("cci doctor");
    assert_eq!(out.code, 2, "{out}");
    let planned = machine.root("cci setup --dry-run").ok().stderr;
    let steps = [
        packages,
        "add to /etc/subuid: root:1000000:1000000000",
        "add to /etc/subgid: root:1000000:1000000000",
        "start incusd --group incus-admin",
        "create storage pool 'default' (btrfs on a loop file",
        "create bridge 'incusbr0' (10.",
        "give the default profile a root disk on 'default' and a NIC on 'incusbr0'",
    ];
    for step in steps {
        assert!(planned.contains(step), "no {step} in {planned}");
    }
    let out = machine.root("command -v incusd || command -v incus || grep ^root: /etc/subuid");
    assert_eq!((out.code, out.stdout.as_str()), (1, ""), "the plan alone changed something: {out}");

    let out = machine.root("cci setup --yes").ok();
    machine.took("cci setup");
    assert_eq!(out.stdout, "Incus is ready for cci\n", "{out}");
    for step in steps {
        assert!(out.stderr.contains(&format!("[setup] {step}")) || step == packages, "no {step} in {out}");
    }
    let made = machine.root("cat /etc/subuid /etc/subgid; incus storage list -f csv; incus network list -f csv").ok();
    assert_eq!(made.stdout.matches("root:1000000:1000000000\n").count(), 2, "{made}");
    assert!(made.stdout.contains("default,btrfs,") && made.stdout.contains("incusbr0,bridge,YES,10."), "{made}");
    let profile = machine.root("incus profile show default").ok().stdout;
    assert!(profile.contains("pool: default") && profile.contains("network: incusbr0"), "{profile}");

    machine.root("groupadd --gid 4321 staff4321; useradd --create-home --uid 1234 --gid 4321 ann").ok();
    machine.root("cci setup --yes --user ann").ok();
    let tables = machine.root("cat /etc/subuid; echo; cat /etc/subgid; id ann").ok().stdout;
    for line in ["root:1234:1\n", "root:4321:1\n", "(incus-admin)"] {
        assert!(tables.contains(line), "no {line} in {tables}");
    }
    machine.import_image();
    let first = machine.user("ann", "mkdir proj && cd proj && cci run -- sh -c 'touch made && id -un && pwd'").ok();
    machine.took("the first container");
    assert_eq!(first.stdout, "code\n/workspace\n", "{first}");
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(machine.path("/home/ann/proj/made")).unwrap());
    assert_eq!(owner, 1234);
    // `run` leaves the end to Incus
    wait::until("no container is left", Duration::from_secs(60), || {
        let left = machine.root("incus list --all-projects -f csv").ok().stdout;
        if left.is_empty() { Ok(()) } else { Err(left) }
    });

    let before = machine.root(DUMP).ok().stdout;
    for again in ["cci setup --yes", "cci setup --yes --user ann"] {
        let out = machine.root(again).ok();
        assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("Incus is ready for cci\n", ""), "{again}");
    }
    assert_eq!(machine.root(DUMP).ok().stdout, before);
    let out = machine.user("ann", "cci doctor");
    assert_eq!(out.code, 0, "{out}");
}

#[test]
fn debian_12_with_backports() {
    leads_to_a_first_container(
        "bookworm",
        "apt-get install -y --no-install-recommends -t bookworm-backports incus-base",
    );
}

#[test]
fn debian_13() {
    leads_to_a_first_container("trixie", "apt-get install -y --no-install-recommends incus-base");
}
