//! Whether Incus and the programs that it needs are installed.

use super::distro::Distro;
use super::finding::Finding;
use super::found::{Found, Installation};
use super::step::Step;

pub(super) fn packages(found: &Found) -> Finding {
    if found.incus != Installation::Absent && found.missing_packages.is_empty() {
        return Finding::ok("packages", "Incus and what it needs are installed");
    }
    let mut wanted: Vec<String> = found.missing_packages.iter().map(|&package| package.to_owned()).collect();
    if found.incus == Installation::Absent {
        wanted.splice(0..0, ["incus-base", "incus-client"].map(str::to_owned));
    }
    let text = format!("not installed: {}", wanted.join(", "));
    match &found.distro {
        Distro::Other(name) => Finding::broken("packages", format!("{text} (on {name})"), Vec::new()).fixed_by(
            "install Incus 6.0 or newer by your distribution's own way, with dnsmasq, btrfs-progs and nftables; \
             start it; then run `cci setup` again",
        ),
        Distro::Bookworm if found.incus == Installation::Absent => Finding::broken(
            "packages",
            text,
            vec![Step::AddBackports, Step::Install { packages: wanted, suite: Some("bookworm-backports") }],
        ),
        _ => Finding::broken("packages", text, vec![Step::Install { packages: wanted, suite: None }]),
    }
}
