//! Live packets from a container, and the host they are sent on.

use std::collections::BTreeMap;

use crate::support::host::{Host, U1000, incus};
use crate::support::internet::PUBLIC;

pub(crate) const PROBE: &str = include_str!("probe.py");

/// What a probe reached, by `protocol address port`.
pub(crate) type Reached = BTreeMap<String, bool>;

pub(crate) fn read(output: &str) -> Reached {
    let line = |line: &str| {
        let (probe, result) = line.rsplit_once(' ').unwrap();
        (probe.to_owned(), result == "reached")
    };
    output.lines().map(line).collect()
}

/// The address that plays the internet here.
pub(crate) const SERVER: &str = PUBLIC[0];

/// A host with the probe in its project directory and this network configuration.
pub(crate) fn host(network: &str) -> Host {
    let host = Host::live(U1000);
    std::fs::write(host.proj.join("probe.py"), PROBE).unwrap();
    configure(&host, network);
    host
}

pub(crate) fn configure(host: &Host, network: &str) {
    let dir = host.home.join(".config/cci");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), format!("[network]\n{network}\n")).unwrap();
}

/// The network that a container is on.
#[track_caller]
pub(crate) fn network_of(host: &Host, container: &str) -> String {
    let device = incus(&["config", "device", "get", "--project", &host.project, container, "eth0", "network"]);
    device.trim().to_owned()
}

pub(crate) fn probes(protocols: &[&str], address: &str, port: u16) -> Vec<String> {
    protocols.iter().map(|protocol| format!("{protocol} {address} {port}")).collect()
}
