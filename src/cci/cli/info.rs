//! `cci info`: one saved session.

use cci_core::Result;
use cci_guest::GuestText;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::network::ways_text;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::size::human;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::session::info::{Info, info};
use cci_host::store::run_dir::HostRequest;
use cci_host::zone::Zone;

/// Show a saved session
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci info\n  cci info 3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f --format=json")]
pub(crate) struct InfoArgs {
    /// The session; default: the latest of this workspace
    #[arg(add = ArgValueCandidates::new(complete::sessions))]
    id: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl Verb for InfoArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Info>("info", "a saved session")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for InfoArgs {
    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        let info = info(cx, self.id.as_deref()).await?;
        print(self.format.format, &info, text)
    }
}

fn text(info: &Info) -> Text {
    let checkpoint = Some(format!("Checkpoint: {}", info.checkpoint)).filter(|_| !info.checkpoint.is_empty());
    let lines = [
        "Session Information".to_owned(),
        "-------------------".to_owned(),
        format!("Session ID: {}", info.session_id),
        format!("Container: {}", info.container_name),
        format!("Workspace: {}", GuestText::new(&info.workspace)),
        format!("Saved At: {}", Zone::of_this_process().shown(&info.saved_at)),
        format!("Session Data: {}", if info.data_present { "present" } else { "missing" }),
        format!("Data Size: {}", human(info.data_bytes)),
        format!("Session Path: {}", GuestText::new(&info.path)),
        format!("Resume: cci shell --resume={}", info.session_id),
    ];
    let used = Some(format!("Requests: {} ({} tokens)", info.usage.requests, info.usage.tokens))
        .filter(|_| info.usage.requests > 0);
    let container = &info.container_name;
    let asks = info.asks_for.iter().map(|HostRequest { entry, reason, .. }| {
        format!("Asks For: {entry} ({reason}), `cci network allow {container} {entry}`")
    });
    let mut out: Text = lines.into_iter().chain(checkpoint).chain(used).chain(asks).collect();
    ways_text(&info.network, &mut out);
    out
}
