//! `cci shell`: an agent in a container.

use std::future::ready;
use std::path::PathBuf;

use cci_core::slot::{Slot, SlotChoice};
use cci_core::{Error, Result};
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use super::worktree::tell_end;
use crate::supervisor;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::launch;
use cci_engine::roll_back;
use cci_engine::session::attach::{self, Into, Known};
use cci_engine::session::resume::{Given, Network};
use cci_engine::session::shell::{self, Session};
use cci_engine::worktree;
use cci_guest::terminal::can_be_drawn_on;
use cci_host::settings::Trust;
use cci_host::terminal;

/// Start an agent in a container
#[derive(Debug, Default, Args)]
#[command(
    after_help = examples()
)]
pub(crate) struct ShellArgs {
    /// Start detached, and return once the agent shows something
    #[arg(long)]
    background: bool,
    /// Run the agent in tmux; with `--tmux=false` it has the terminal to itself, and the container stops with it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tmux: Option<bool>,
    /// Start bash instead of the agent
    #[arg(long)]
    debug: bool,
    /// Drop the login that the session holds, and take the host's again
    #[arg(long)]
    fresh_creds: bool,
    /// Work in worktrees of its own, on a branch of its own; the repositories are closed to the container
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    worktree: Option<String>,
    /// A repository to make a worktree of, this workspace's without it; several come side by side
    #[arg(long, value_name = "PATH", requires = "worktree", value_hint = clap::ValueHint::DirPath)]
    repo: Vec<PathBuf>,
    /// The new branch of the worktrees, cci/NAME without it
    #[arg(long, value_name = "BRANCH", requires = "worktree")]
    branch: Option<String>,
    /// Where the worktrees begin: a branch, a tag or a commit; without it, where each repository is
    #[arg(long, value_name = "REF", requires = "worktree")]
    base: Option<String>,
    /// How to print what was started
    #[command(flatten)]
    format: FormatArg,
    /// (nothing: a session id belongs behind `--resume=`)
    #[arg(hide = true)]
    stray: Option<String>,
}

fn examples() -> String {
    format!(
        "Examples:\n  cci shell                 {agent} on this directory\n  cci shell --slot 2        a second session next to the first\n  cci shell --background    start it detached, for `cci tmux send`\n  cci shell --debug         bash instead of the agent\n  cci shell --worktree      in a worktree of its own, on a branch cci/...\n  cci shell --worktree=login --repo ~/api --repo ~/web\n                            in worktrees of two repositories, side by side",
        agent = cci_agent::default_agent().title()
    )
}

/// What `--background --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci shell --background")]
struct StartedSession {
    container: String,
    session_id: String,
}

impl Verb for ShellArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<StartedSession>("shell", "the session that `--background` started")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        LaunchFlag::ALL
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for ShellArgs {
    const ROLLED_BACK: bool = false;

    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        refuse_stray(&self)?;
        if self.format.format == Format::Json && !self.background {
            return Err(Error::usage("--format json needs --background"));
        }
        if !self.background && !terminal::is_interactive() {
            return Err(Error::NoTerminal { verb: "shell" });
        }
        let launch = &call.flags.launch;
        let tmux = self.tmux.unwrap_or(true);
        if self.background && !tmux {
            return Err(Error::usage("--background needs tmux: leave out --tmux=false"));
        }
        if !self.background && tmux {
            refuse_dumb(cx, "use --background, or --tmux=false")?;
        }
        let own = self.in_worktrees(cx).await?;
        let cx = own.as_ref().unwrap_or(cx);
        let session = Session {
            slot: slot(launch.slot)?,
            resume: launch.resume(),
            given: Given {
                slot: launch.slot != 0,
                profile: launch.profile.is_some(),
                image: launch.image.is_some(),
                persistent: launch.persistent.is_some(),
                network: launch.network.is_some(),
                boundary: launch.boundary.is_some(),
            },
            network: Network::Inherited,
            debug: self.debug,
            tmux,
            background: self.background,
            root: None,
            fresh_login: self.fresh_creds,
            account: None,
            forks: false,
            replaces: None,
        };
        let (started, is_there) = tokio::join!(shell::start(cx, &session), supervisor::for_launch(cx, self.debug));
        let started = started?;
        if started.watched {
            supervisor::watched(cx, is_there, started.has_login).await;
        }
        if self.background {
            let shown = StartedSession { container: started.name.clone(), session_id: started.session.to_string() };
            print(self.format.format, &shown, |shown| {
                Text::one(format_args!("{} {}", shown.container, shown.session_id))
            })?;
            call.terminal.hint(&format!("go to it with `cci attach {}`", started.name));
            call.terminal.hint(&format!("type into it with `cci tmux send {} TEXT`", started.name));
            call.terminal.hint(&format!("read its screen with `cci tmux capture {}`", started.name));
            return Ok(0);
        }
        let attached = async {
            match &started.direct {
                Some(direct) => attach::directly(cx, &started, direct).await,
                None => attach::attach(cx, &started.name, ready(Ok(Known::started(cx, &started))), Into::Agent).await,
            }
        };
        let left = tokio::select! {
            left = attached => left,
            never = supervisor::keep(cx) => match never {},
        };
        let told = tell_end(call, cx).await;
        left.and(told).map(|()| 0)
    }
}

impl ShellArgs {
    /// Makes the worktrees that are asked for; the call in their workspace.
    async fn in_worktrees(&self, cx: &Context) -> Result<Option<Context>> {
        let Some(name) = &self.worktree else { return Ok(None) };
        let asked = worktree::Asked {
            name: Some(name.clone()).filter(|name| !name.is_empty()),
            repositories: self.repo.clone(),
            branch: self.branch.clone(),
            base: self.base.clone(),
        };
        let digits = launch::launch_mark().chars().filter(char::is_ascii_hexdigit).take(6).collect::<String>();
        let begun = worktree::begin(cx, &asked, &digits).await;
        if begun.is_err() {
            roll_back::now(cx).await;
        }
        begun.map(Some)
    }
}

/// Refuses a terminal on which tmux cannot draw, before anything is started for it.
pub(crate) fn refuse_dumb(cx: &Context, instead: &str) -> Result<()> {
    if can_be_drawn_on(cx.caller.var("TERM")) {
        return Ok(());
    }
    Err(Error::usage(format!("a terminal of type `dumb` (TERM) cannot show a session: {instead}")))
}

/// `--slot N`: 0 picks a free one.
pub(crate) fn slot(number: u8) -> Result<SlotChoice> {
    match number {
        0 => Ok(SlotChoice::Auto),
        number => Slot::new(number).map(SlotChoice::Exactly).ok_or_else(|| {
            Error::usage(format!(
                "invalid slot '{number}': a workspace has slots 1 to {} (0 picks a free one)",
                Slot::MAX
            ))
        }),
    }
}

fn refuse_stray(args: &ShellArgs) -> Result<()> {
    let Some(stray) = &args.stray else {
        return Ok(());
    };
    let looks_like_id = stray.len() >= 8 && stray.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let hint = if looks_like_id {
        format!("a session id needs `=`: `cci shell --resume={stray}`")
    } else {
        "see `cci shell --help`".to_owned()
    };
    Err(Error::Usage { problem: format!("unexpected argument '{stray}'"), hint: Some(hint) })
}
