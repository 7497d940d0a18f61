//! The comparison by which `tests/run` knows that the tests leave the host as they found it.

use std::process::Command;

use crate::support::host::run;

/// What the script prints that was not printed before these lines of a shell, on a host of its own.
#[track_caller]
fn seen_of(change: &str) -> String {
    let script = format!(
        "state() {{ {script}; }}; mount --make-rshared /
         state >\"$1/before\"; {change}; state | diff \"$1/before\" - || :",
        script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host-state.sh"),
    );
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "sh", "-ec", &script, "sh"]).arg(dir.path());
    run(command, b"").ok().stdout
}

#[test]
fn every_kind_of_change_to_the_host_is_seen() {
    for (change, line) in [
        ("mount --make-rprivate /", "> mount: / "),
        ("mount -t tmpfs tmpfs /mnt", "> mount: /mnt "),
        ("nft add table inet left-behind", "> nft inet left-behind: "),
        ("ip link add left-behind type veth peer name other", "> link: left-behind"),
        ("sysctl --quiet net.ipv4.ip_default_ttl=33", "> sysctl: net.ipv4.ip_default_ttl = 33"),
        (
            "cp /etc/subuid \"$1\"; echo left:1:1 >>\"$1/subuid\"; mount --bind \"$1/subuid\" /etc/subuid",
            "> subuid: left:1:1",
        ),
    ] {
        let seen = seen_of(change);
        assert!(seen.contains(line), "{change}: {seen}");
    }
    assert_eq!(seen_of(":"), "");
}
