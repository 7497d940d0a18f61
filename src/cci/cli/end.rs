//! `cci shutdown` and `cci kill`: end containers gracefully or at once.

use std::time::Duration;

use cci_core::Result;
use clap::Args;

use super::which::{self, Chosen, Which};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::end;
use cci_engine::instance::stop::Stop;

/// End containers gracefully
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci shutdown cci-9c09f805-1\n  cci shutdown --timeout=30 cci-9c09f805-1\n  cci shutdown --all --force"
)]
pub(crate) struct ShutdownArgs {
    #[command(flatten)]
    which: Which,
    /// How long a container may take before it is stopped at once
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    timeout: u32,
}

/// End containers at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci kill cci-9c09f805-1\n  cci kill --all --force")]
pub(crate) struct KillArgs {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn shutdown(args: &ShutdownArgs, cx: &Context, terminal: &Terminal) -> Result<u8> {
    let within = Duration::from_secs(args.timeout.into());
    run(&args.which, "shutdown", "Shutdown", Stop::Within(within), cx, terminal).await
}

pub(crate) async fn kill(args: &KillArgs, cx: &Context, terminal: &Terminal) -> Result<u8> {
    run(&args.which, "kill", "Killed", Stop::Now, cx, terminal).await
}

async fn run(which: &Which, verb: &str, done: &str, how: Stop, cx: &Context, terminal: &Terminal) -> Result<u8> {
    let names = match which::choose(which, verb, cx, terminal).await? {
        Chosen::These(names) => names,
        Chosen::Nothing => return Ok(0),
    };
    if let Stop::Within(within) = how {
        terminal.note(&format!("Shutting down {} container(s), timeout {} s", names.len(), within.as_secs()));
    }
    let gone = end::end(cx, &names, how).await?;
    Terminal::result(&Text::one(format_args!("{done} {gone} container(s)")))?;
    end::verdict(names.len(), gone).map(|()| 0)
}
