//! What is set and checked in the container just before a command.

use cci_core::plan::LaunchPlan;
use cci_guest::{account, alias, probe};

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
    format!("{agent}{}{}{}{probe}", plan.git_lines(), one_place(plan), cx.caller.umask.line())
}

/// Keeps an agent's transcripts in one place, whether it works in the workspace where it is on the host or not.
fn one_place(plan: &LaunchPlan) -> String {
    let kept = plan.agent().transcripts().and_then(|kept| kept.dir.rsplit_once('/'));
    let other = plan.agent().transcripts_of(&plan.place);
    let other = other.as_deref().and_then(|other| other.rsplit_once('/'));
    match (kept, other) {
        (Some((above, kept)), Some((_, other))) if kept != other => {
            alias::lines(&format!("{}/{above}", plan.state()), kept, other)
        }
        _ => String::new(),
    }
}
