//! What runs in the container just before a command, in the same exec: it proves that the agent's user can write in the
//! workspace.

use cci_core::plan::LaunchPlan;

/// The status of a start whose probe failed.
pub(crate) const NOT_WRITABLE: i32 = 97;

/// Makes and removes one file, which no other start makes; the shell makes it itself, for a process costs a moment while
/// the container boots.
fn probe(launch: &str) -> String {
    let file = format!("/workspace/.cci-{launch}-$$");
    format!("set -C; {{ true >{file}; }} 2>/dev/null && rm -f {file} || exit {NOT_WRITABLE}; set +C; ")
}

/// Waits up to ten seconds for a route and a name server, where the network comes with a lease.
const NETWORK: &str = r"n=0; until [ -s /etc/resolv.conf ] && grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.05; done; ";

/// The probe as lines of a shell, which end with [`NOT_WRITABLE`] where it fails.
pub(crate) fn script(plan: &LaunchPlan) -> String {
    let probe = probe(plan.launch());
    if plan.has_instant_network() { probe } else { format!("{NETWORK}{probe}") }
}
