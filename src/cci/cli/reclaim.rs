//! `cci reclaim`: takes ownership of files that a container's root created in the workspace.

use cci_core::Result;
use clap::Args;

use super::launch_flags::LaunchFlag;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::upkeep::reclaim;
use cci_host::settings::Trust;

/// Take ownership of files that a container's root created in the workspace
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci reclaim\n  cci reclaim --workspace ~/proj")]
pub(crate) struct ReclaimArgs {}

impl Verb for ReclaimArgs {
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Image, LaunchFlag::Config]
    }
}

impl OnIncus for ReclaimArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        let count = reclaim::reclaim(cx).await?;
        Terminal::result(&Text::one(format_args!("Reclaimed {count} file(s)"))).map(|()| 0)
    }
}
