//! What a user should know about a launch before it begins.

use crate::boundary::Boundary;
use crate::idmap::{Idmap, IdmapFacts};
use crate::network::Mode;
use crate::settings::{NetworkSettings, Settings};

/// A consequence of the settings, or of this host, that may surprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanWarning {
    /// Network mode `open`: the container is not restricted.
    OpenNetwork,
    /// A key that would allow something has no effect in mode `allowlist`.
    NoEffectInAllowlist {
        /// The key, below `network`.
        key: &'static str,
    },
    /// A key that is for policies has no effect in a mode that has none.
    NoEffect {
        /// The key, below `network`.
        key: &'static str,
        /// The mode.
        mode: Mode,
    },
    /// The ids of the workspace are shifted: the container's root is the host's there.
    ShiftedWorkspace,
    /// The workspace belongs to root, and the agent works with its ids.
    RootsWorkspace,
    /// The agent is in gVisor, where not everything works.
    InGvisor,
}

/// Everything to be warned about.
pub(super) fn warnings(settings: &Settings, host: &IdmapFacts, map: &Idmap) -> Vec<PlanWarning> {
    let network = &settings.network;
    let mut warnings = Vec::new();
    if network.mode == Mode::Open {
        warnings.push(PlanWarning::OpenNetwork);
    }
    if matches!(network.mode, Mode::Open | Mode::None) {
        warnings.extend(without_policy(network).map(|key| PlanWarning::NoEffect { key, mode: network.mode }));
    }
    if network.mode == Mode::Allowlist {
        warnings.extend(ineffective(network).map(|key| PlanWarning::NoEffectInAllowlist { key }));
    }
    if *map == Idmap::Shift {
        warnings.push(PlanWarning::ShiftedWorkspace);
    }
    if host.agent.uid == 0 {
        warnings.push(PlanWarning::RootsWorkspace);
    }
    if settings.defaults.boundary == Boundary::Gvisor {
        warnings.push(PlanWarning::InGvisor);
    }
    warnings
}

/// The keys that somebody has set, and that only a policy could put in force.
fn without_policy(network: &NetworkSettings) -> impl Iterator<Item = &'static str> {
    let set = [("ask", network.ask), ("hosts", !network.hosts.is_empty()), ("resolver", network.resolver.is_some())];
    set.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
}

/// The keys that would allow more than an allowlist ever does.
fn ineffective(network: &NetworkSettings) -> impl Iterator<Item = &'static str> {
    let opened = [
        ("block_private_networks", !network.block_private_networks),
        ("block_metadata_endpoint", !network.block_metadata_endpoint),
        ("allow_local_network_access", network.allow_local_network_access),
    ];
    opened.into_iter().filter(|(_, opened)| *opened).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idmap::Ids;
    use crate::network::ServiceEntry;

    fn keys(network: NetworkSettings) -> Vec<&'static str> {
        let settings = Settings { network, ..Settings::default() };
        let host = IdmapFacts { agent: Ids { uid: 1, gid: 1 }, guest: 1000, subuid: Vec::new(), subgid: Vec::new() };
        let key = |warning| match warning {
            PlanWarning::NoEffect { key, .. } => Some(key),
            _ => None,
        };
        warnings(&settings, &host, &Idmap::Shift).into_iter().filter_map(key).collect()
    }

    #[test]
    fn what_has_no_effect_without_a_policy_is_told() {
        let hosts = vec![ServiceEntry { name: "db.lan".into(), address: "host".into(), ports: vec![1] }];
        let resolver = Some("192.0.2.1".to_owned());
        let set = NetworkSettings { hosts, resolver, ask: true, ..NetworkSettings::default() };
        let open = NetworkSettings { mode: Mode::Open, ..set.clone() };
        assert_eq!(keys(open), ["ask", "hosts", "resolver"]);
        assert!(keys(set).is_empty());
        assert!(keys(NetworkSettings { mode: Mode::Open, ..NetworkSettings::default() }).is_empty());
    }
}
