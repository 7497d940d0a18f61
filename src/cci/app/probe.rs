//! Proves that the agent's user can write in the workspace, in the same exec that starts what it is for.

use std::time::Duration;

use cci_core::Result;
use cci_core::plan::LaunchPlan;
use cci_incus::Exec;

use super::context::Context;
use super::incus_error::DuringStep;

/// The status of a start whose probe failed; a command may end with it too, so it is asked again.
pub(crate) const NOT_WRITABLE: i32 = 97;

/// Makes and removes one file, then becomes the command.
const PROBE: &str = r#"p=$(mktemp /workspace/.cci-XXXXXXXX 2>/dev/null) && rm -f "$p" || exit 97; exec "$@""#;

/// Waits up to ten seconds for a route and a name server, where the network comes with a lease.
const NETWORK: &str = r"n=0; until [ -s /etc/resolv.conf ] && grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.05; done; ";

/// The argv that probes and then becomes `argv`.
pub(crate) fn before(plan: &LaunchPlan, argv: &[String]) -> Vec<String> {
    let script = if plan.has_instant_network() { PROBE.to_owned() } else { format!("{NETWORK}{PROBE}") };
    ["sh", "-c", &script, "cci"].map(str::to_owned).into_iter().chain(argv.iter().cloned()).collect()
}

/// Asks once more, alone.
pub(crate) async fn is_writable(cx: &Context, plan: &LaunchPlan, name: &str) -> Result<bool> {
    let exec = Exec {
        command: before(plan, &["true".to_owned()]),
        environment: plan.environment.clone(),
        user: Some(plan.user.uid),
        group: Some(plan.user.gid),
        ..Exec::default()
    };
    let status = cx.client.exec_detached(name, &exec, Duration::from_secs(20)).await;
    Ok(status.during("check the workspace")? != NOT_WRITABLE)
}
