//! What is set and checked in the container just before a command.

use cci_core::plan::LaunchPlan;
use cci_guest::{account, probe};

use crate::context::Context;

/// The shell lines that do it.
pub(crate) fn script(cx: &Context, plan: &LaunchPlan) -> String {
    let probe = if plan.has_instant_network() {
        probe::workspace(plan.launch())
    } else {
        probe::network_and_workspace(plan.launch())
    };
    // files of cci's own need no more of a mask than the shell has
    let agent = format!("{}{}", account::expect_uid(plan.user.uid), plan.author.lines());
    format!("{agent}{}{}{probe}", plan.git_lines(), cx.caller.umask.line())
}
