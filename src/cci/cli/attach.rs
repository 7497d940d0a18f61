//! `cci attach`: attaches to a running session.

use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::launch_flags::LaunchFlag;
use super::review::left;
use super::shell::{refuse_dumb, slot};
use super::verb::{Call, OnIncus, Verb};
use crate::supervisor;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::ownership::Whose;
use cci_engine::launch::environment;
use cci_engine::session::attach::{self, Into, Known};
use cci_engine::session::running::running;
use cci_host::settings::Trust;

/// Attach to a running session
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci attach                    the only running session, or a list to choose from\n  cci attach cci-9c09f805-1     this one\n  cci attach --slot 2           the one in slot 2 of this workspace\n  cci attach --bash             a shell next to the agent"
)]
pub(crate) struct AttachArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::running))]
    name: Option<String>,
    /// A login bash next to the agent; an agent that is started in it has the session's login
    #[arg(long)]
    bash: bool,
    /// Include other users' sessions; only root may attach to them
    #[arg(long)]
    all_users: bool,
}

impl Verb for AttachArgs {
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[
            LaunchFlag::Workspace,
            LaunchFlag::Slot,
            LaunchFlag::Profile,
            LaunchFlag::Env,
            LaunchFlag::EnvFile,
            LaunchFlag::Config,
        ]
    }
}

impl OnIncus for AttachArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let cx = &environment::resolved(cx).await?;
        let into = if self.bash { Into::Bash } else { Into::Agent };
        let whose = if self.all_users { Whose::Everybodys } else { Whose::Own };
        let name = match (&self.name, slot(call.flags.launch.slot)?) {
            (Some(_), SlotChoice::Exactly(_)) => {
                return Err(Error::usage("a container is chosen by its name or by --slot, not by both"));
            }
            (Some(name), _) => name.clone(),
            (None, SlotChoice::Exactly(slot)) => attach::in_slot(cx, slot),
            (None, _) => match one_of(attach::candidates(cx, whose).await?, cx, call.terminal).await? {
                Some(name) => name,
                None => return Ok(0),
            },
        };
        if !cci_host::terminal::is_interactive() {
            running(cx, &name).await?;
            return Err(Error::NoTerminal { verb: "attach" });
        }
        if into == Into::Agent {
            refuse_dumb(cx, "use --bash, or `cci tmux capture` and `cci tmux send`")?;
        }
        let session = async {
            let owned = running(cx, &name).await?;
            call.terminal.note(&format!("Attaching to {name}"));
            Known::running(cx, &owned).await
        };
        tokio::select! {
            left = attach::attach(cx, &name, session, into) => left?,
            never = supervisor::keep(cx) => match never {},
        }
        if into == Into::Agent {
            left::tell(call, cx, &name).await;
        }
        Ok(0)
    }
}

/// The only session, or the one the user picks; otherwise says what there is.
async fn one_of(mut names: Vec<String>, cx: &Context, terminal: &Terminal) -> Result<Option<String>> {
    match names.as_slice() {
        [] => Terminal::result(&Text::one("No active sessions")).map(|()| None),
        [_] => Ok(names.pop()),
        several if cci_host::terminal::is_interactive() => {
            let chosen = cx.scope.until_cancelled(terminal.choose("Attach to", several)).await?;
            Ok(chosen.and_then(|chosen| several.get(chosen).cloned()))
        }
        several => {
            let mut out = Text::one("Active sessions:");
            for name in several {
                out.line(format_args!("  {name}    cci attach {name}"));
            }
            Terminal::result(&out).map(|()| None)
        }
    }
}
