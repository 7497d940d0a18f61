//! What is set and checked in the container just before a command.

use cci_core::plan::LaunchPlan;
use cci_core::settings::IncusSettings;
use cci_guest::{account, probe};

use crate::context::Context;

/// The shell lines that do it.
pub(crate) fn script(cx: &Context, plan: &LaunchPlan) -> String {
    let probe = if plan.has_instant_network() {
        probe::workspace(plan.launch())
    } else {
        probe::network_and_workspace(plan.launch())
    };
    let user = match plan.user.uid {
        // the one that images have unless another was asked for
        uid if uid == IncusSettings::default().agent_uid => String::new(),
        uid => account::expect_uid(uid),
    };
    format!("{user}{}{}{probe}", cx.caller.umask.line(), plan.author.lines())
}
