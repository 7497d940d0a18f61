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

/// The keys that would allow more than an allowlist ever does.
fn ineffective(network: &NetworkSettings) -> impl Iterator<Item = &'static str> {
    let opened = [
        ("block_private_networks", !network.block_private_networks),
        ("block_metadata_endpoint", !network.block_metadata_endpoint),
        ("allow_local_network_access", network.allow_local_network_access),
    ];
    opened.into_iter().filter(|(_, opened)| *opened).map(|(key, _)| key)
}
