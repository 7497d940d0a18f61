//! `cci checkpoint`: takes the container, the workspace and the conversation at one instant.

use cci_core::Result;
use cci_core::checkpoint::Cause;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::text::Text;
use cci_engine::checkpoint::cost;
use cci_engine::checkpoint::log::{Logged, logged};
use cci_engine::checkpoint::wanted::Wanted;
use cci_engine::context::Context;

/// Keep container, workspace and conversation under one id
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci checkpoint                        take one now, and print its id\n  cci checkpoint -m 'before the merge'  with a word about it\n  cci checkpoint --slot 2               of the session in slot 2"
)]
pub(crate) struct CheckpointArgs {
    /// What to note about it
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci checkpoint")]
struct Checkpoint {
    /// Whether it was taken now: if nothing has changed, it is the current one.
    new: bool,
    #[serde(flatten)]
    checkpoint: Logged,
}

impl Verb for CheckpointArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Checkpoint>("checkpoint", "the checkpoint that was taken")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for CheckpointArgs {
    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let wanted = Wanted { message: self.message.clone(), ..Wanted::because(Cause::Manual) };
        let taken = cost::take_by_hand(cx, slot(call.flags.launch.slot)?, &wanted).await?;
        if !taken.is_new {
            call.terminal.note("nothing has changed since this checkpoint");
        }
        say_not_held(call, &taken.node);
        let shown = Checkpoint { new: taken.is_new, checkpoint: logged(&taken.node, true) };
        print(self.format.format, &shown, |shown| Text::one(&shown.checkpoint.id))
    }
}

/// Says what a checkpoint does not hold, so that nobody relies on it.
pub(crate) fn say_not_held(call: &Call<'_>, node: &cci_core::checkpoint::Node) {
    const NAMED: usize = 5;
    let (count, first) = (node.not_held.len(), node.not_held.iter().take(NAMED));
    let named: Vec<String> = first.map(|one| format!("{} ({})", one.path, one.why.replace('-', " "))).collect();
    if count > 0 {
        let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
        call.terminal.warn(&format!("checkpoint {} does not hold {}{more}", node.id, named.join(", ")));
    }
}
