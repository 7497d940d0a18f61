//! What is checked in the container just before a command.

use cci_core::plan::LaunchPlan;
use cci_guest::probe;

/// The shell lines that check it.
pub(crate) fn script(plan: &LaunchPlan) -> String {
    if plan.has_instant_network() {
        probe::workspace(plan.launch())
    } else {
        probe::network_and_workspace(plan.launch())
    }
}
