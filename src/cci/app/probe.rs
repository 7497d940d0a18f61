//! What runs in the container just before a command, in the same exec: it proves that the agent's user can write in the
//! workspace.

use cci_core::plan::LaunchPlan;

/// The status of a start whose probe failed.
pub(crate) const NOT_WRITABLE: i32 = 97;

/// Makes and removes one file.
const PROBE: &str = "p=$(mktemp /workspace/.cci-XXXXXXXX 2>/dev/null) && rm -f \"$p\" || exit 97; ";

/// Waits up to ten seconds for a route and a name server, where the network comes with a lease.
const NETWORK: &str = r"n=0; until [ -s /etc/resolv.conf ] && grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.05; done; ";

/// The probe as lines of a shell, which end with [`NOT_WRITABLE`] where it fails.
pub(crate) fn script(plan: &LaunchPlan) -> String {
    if plan.has_instant_network() { PROBE.to_owned() } else { format!("{NETWORK}{PROBE}") }
}
