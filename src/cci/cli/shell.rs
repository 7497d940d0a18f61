//! `cci shell`: an agent in a container.

use std::future::ready;
use std::path::PathBuf;

use cci_core::session::Resume;
use cci_core::slot::{Slot, SlotChoice};
use cci_core::{Error, Result};
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::input::is_stdin;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::prompt::PromptArgs;
use super::review::left;
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
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
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
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "attach_if_running"
    )]
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
    /// Return to the session of this workspace that runs (of several, to the one in the lowest slot); start one if none does
    #[arg(long, conflicts_with_all = ["debug", "tmux", "fresh_creds"])]
    attach_if_running: bool,
    /// How to print what was started
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    prompt: PromptArgs,
}

fn examples() -> String {
    format!(
        "Examples:\n  cci shell                 {agent} on this directory\n  cci shell --slot 2        a second session next to the first\n  cci shell --background    start it detached, for `cci tmux send`\n  cci shell --debug         bash instead of the agent\n  cci shell \"fix the failing test\"\n                            with a first prompt\n  cci shell --resume --prompt-file next.md\n                            resume, and go on with a prompt of up to 1 MiB\n  git diff | cci shell --background -\n                            a prompt from stdin\n  cci shell --attach-if-running\n                            return to the session of this directory, or start one\n  cci shell --worktree      in a worktree of its own, on a branch cci/...\n  cci shell --worktree=login --repo ~/api --repo ~/web\n                            in worktrees of two repositories, side by side",
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
        self.prompt.refuse_stray()?;
        if self.format.format == Format::Json && !self.background {
            return Err(Error::usage("--format json needs --background"));
        }
        let launch = &call.flags.launch;
        if self.prompt.is_on_stdin() && launch.env_file.iter().any(|file| is_stdin(file)) {
            return Err(Error::usage("--env-file - and a prompt from stdin exclude each other: stdin is read once"));
        }
        let has_terminal = if self.prompt.is_on_stdin() { terminal::is_shown() } else { terminal::is_interactive() };
        if !self.background && !has_terminal {
            return Err(Error::NoTerminal { verb: "shell" });
        }
        let tmux = self.tmux.unwrap_or(true);
        if self.background && !tmux {
            return Err(Error::usage("--background needs tmux: leave out --tmux=false"));
        }
        if !self.background && tmux {
            refuse_dumb(cx, "use --background, or --tmux=false")?;
        }
        if self.prompt.is_given() && (self.debug || !tmux) {
            let what = if self.debug { "--debug starts a shell, which takes none" } else { "it needs tmux" };
            return Err(Error::usage(format!("no prompt can be given: {what}")));
        }
        let prompt = self.prompt.read(cx).await?;
        let slot = slot(launch.slot)?;
        let own = self.in_worktrees(cx).await?;
        let cx = own.as_ref().unwrap_or(cx);
        let session = Session {
            slot,
            resume: self.resumed(launch.resume(), slot, cx).await?,
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
            prompt,
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
        let attached = tokio::select! {
            attached = attached => attached,
            never = supervisor::keep(cx) => match never {},
        };
        if attached.is_ok() {
            left::tell(call, cx, &started.name).await;
        }
        let told = tell_end(call, cx).await;
        attached.and(told).map(|()| 0)
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

    /// Which conversation it goes on with: that of the session that runs here, if it is to return to one.
    async fn resumed(&self, asked: Resume, slot: SlotChoice, cx: &Context) -> Result<Resume> {
        if !self.attach_if_running {
            return Ok(asked);
        }
        if let Resume::Exactly(_) = asked {
            return Err(Error::usage("--resume=ID returns to that session if it runs: leave out --attach-if-running"));
        }
        let running = attach::here(cx, slot).await?;
        Ok(running.map_or(asked, |session| Resume::Exactly(session.to_string())))
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
