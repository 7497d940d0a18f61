//! `cci shutdown` and `cci kill`: stop containers gracefully or at once.

use std::time::Duration;

use cci_core::Result;
use clap::Args;

use super::review::left;
use super::verb::{Call, OnIncus, Verb};
use super::which::{self, Chosen, Which};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::shutdown;
use cci_engine::instance::stop::Stop;
use cci_host::settings::Trust;

/// Stop containers gracefully
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci shutdown cci-9c09f805-1\n  cci shutdown --timeout=30 cci-9c09f805-1\n  cci shutdown --all --force"
)]
pub(crate) struct ShutdownArgs {
    #[command(flatten)]
    which: Which,
    /// How long to wait before a container is stopped at once
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    timeout: u32,
}

/// Stop containers at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci kill cci-9c09f805-1\n  cci kill --all --force")]
pub(crate) struct KillArgs {
    #[command(flatten)]
    which: Which,
}

impl Verb for ShutdownArgs {}

impl OnIncus for ShutdownArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let within = Duration::from_secs(self.timeout.into());
        end_all(&self.which, "shutdown", "Shutdown", Stop::Within(within), call, cx).await
    }
}

impl Verb for KillArgs {}

impl OnIncus for KillArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        end_all(&self.which, "kill", "Killed", Stop::Now, call, cx).await
    }
}

async fn end_all(which: &Which, verb: &str, done: &str, how: Stop, call: &Call<'_>, cx: &Context) -> Result<u8> {
    let names = match which::choose(which, verb, cx, call.terminal).await? {
        Chosen::These(names) => names,
        Chosen::Nothing => return Ok(0),
    };
    if let Stop::Within(within) = how {
        call.terminal.note(&format!("Shutting down {} container(s), timeout {} s", names.len(), within.as_secs()));
    }
    let gone = shutdown::end_all(cx, &names, how).await?;
    Terminal::result(&Text::one(format_args!("{done} {gone} container(s)")))?;
    left::tell_of_all(call, cx, &names).await;
    shutdown::verdict(names.len(), gone).map(|()| 0)
}
