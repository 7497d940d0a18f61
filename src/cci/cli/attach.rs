//! `cci attach`: back to a running session.

use cci_core::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::args::GlobalArgs;
use super::complete;
use crate::app::attach::{self, Into};
use crate::app::context::Context;
use crate::ui::terminal::Terminal;

/// Go back to a running session
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci attach                    the only running session, or the list of them\n  cci attach cci-9c09f805-1     this one\n  cci attach --slot 2           the one in slot 2 of this workspace\n  cci attach --bash             a shell beside the agent"
)]
pub(crate) struct AttachArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::running))]
    name: Option<String>,
    /// A login bash next to the agent
    #[arg(long)]
    bash: bool,
}

pub(crate) async fn run(args: &AttachArgs, global: &GlobalArgs, cx: &Context) -> Result<u8> {
    let into = if args.bash { Into::Bash } else { Into::Agent };
    let name = match &args.name {
        Some(name) => {
            attach::running(cx, name).await?;
            name.clone()
        }
        None => match attach::candidates(cx, (global.slot > 0).then_some(global.slot)).await?.as_slice() {
            [] => {
                Terminal::result("No active sessions\n")?;
                return Ok(0);
            }
            [only] => only.clone(),
            several => {
                let lines = several.iter().map(|name| format!("  {name}    cci attach {name}\n"));
                Terminal::result(&format!("Active sessions:\n{}", lines.collect::<String>()))?;
                return Ok(0);
            }
        },
    };
    if !crate::host::terminal::is_interactive() {
        return Err(cci_core::Error::NoTerminal { verb: "attach" });
    }
    cx.reporter.note(&format!("Attaching to {name}"));
    attach::attach(cx, &name, into).await.map(|()| 0)
}
