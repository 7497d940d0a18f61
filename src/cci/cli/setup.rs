//! `cci setup`: installs and configures Incus.

use std::os::unix::process::CommandExt;

use cci_core::setup::finding::{Finding, Health, steps, worst};
use cci_core::setup::findings::findings;
use cci_core::setup::step::Step;
use cci_core::{Error, Result};
use clap::Args;

use super::launch_flags::LaunchFlag;
use super::question::Question;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::upkeep::setup::{act, look};
use cci_host::accounts::Account;

/// How often the machine is examined, each time after a round of steps: what a daemon lacks shows only once it answers.
const ROUNDS: u8 = 3;

/// Install and configure Incus
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  cci setup               show what would be done, ask, do it\n  cci setup --dry-run     only show it\n  sudo cci setup --yes    do it without asking, for the user who called sudo"
)]
pub(crate) struct SetupArgs {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
    /// The user who will own the containers
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Verb for SetupArgs {
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Image, LaunchFlag::Config]
    }
}

impl OnIncus for SetupArgs {
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        set_up(&self, cx, call.terminal).await
    }
}

/// Does what can be done, in rounds; `doctor --fix` is the same.
pub(crate) async fn set_up(args: &SetupArgs, cx: &Context, terminal: &Terminal) -> Result<u8> {
    if let Some(name) = args.user.as_ref().filter(|name| Account::named(name).is_none()) {
        // no other user is used instead
        return Err(Error::usage(format!("there is no user '{name}' on this machine")));
    }
    let mut agreed = args.yes;
    for _ in 0..ROUNDS {
        let cx = &cx.reconnected();
        let found = look(cx, args.user.as_deref()).await;
        let findings = findings(&found);
        let steps = steps(&findings);
        if steps.is_empty() {
            return finish(terminal, &findings);
        }
        show(terminal, &findings, &steps);
        if args.dry_run {
            return Ok(0);
        }
        if !agreed {
            agreed = confirmed(terminal).await?;
            if !agreed {
                return Terminal::result(&Text::one("Cancelled.")).map(|()| 0);
            }
        }
        if cx.caller.ids.uid != 0 && steps.iter().any(Step::needs_root) {
            return as_root(terminal, &found.person.name);
        }
        for step in &steps {
            act(cx, step).await?;
            if step.shows_more() {
                break;
            }
        }
    }
    let findings = findings(&look(&cx.reconnected(), args.user.as_deref()).await);
    finish(terminal, &findings)
}

fn finish(terminal: &Terminal, findings: &[Finding]) -> Result<u8> {
    for finding in findings.iter().filter(|finding| finding.health != Health::Ok) {
        terminal.warn(&finding.text);
        if let Some(fix) = &finding.fix {
            terminal.hint(fix);
        }
    }
    if worst(findings) == Health::Broken {
        return Err(Error::HostUnfit {
            problem: "setup cannot do the rest by itself".into(),
            hint: Some("see the warnings above, then run `cci doctor`".into()),
        });
    }
    Terminal::result(&Text::one("Incus is ready for cci")).map(|()| 0)
}

fn show(terminal: &Terminal, findings: &[Finding], steps: &[Step]) {
    for finding in findings.iter().filter(|finding| !finding.steps.is_empty()) {
        terminal.note(&format!("[setup] {}", finding.text));
    }
    terminal.note("[setup] to be done:");
    for step in steps {
        let who = if step.needs_root() { "as root" } else { "in Incus" };
        terminal.note(&format!("  - {} ({who})", step.shown()));
    }
}

async fn confirmed(terminal: &Terminal) -> Result<bool> {
    Question { text: "Do this?", act: "change this machine as shown", flag: "--yes" }.confirmed(terminal).await
}

/// Becomes `sudo cci setup` for the same person; sudo itself asks for what it needs.
fn as_root(terminal: &Terminal, person: &str) -> Result<u8> {
    let needs_root = |problem: String| Error::HostUnfit {
        problem,
        hint: Some(format!("run `sudo cci setup --yes --user {person}`")),
    };
    let program = std::env::current_exe().map_err(|error| needs_root(format!("setup needs root: {error}")))?;
    terminal.note(&format!("[setup] these steps need root: sudo {} setup --yes --user {person}", program.display()));
    let mut sudo = std::process::Command::new("sudo");
    if !cci_host::terminal::is_interactive() {
        sudo.arg("--non-interactive");
    }
    sudo.arg("--").arg(program).args(["setup", "--yes", "--user", person]);
    // returns only if it could not be started
    Err(needs_root(format!("setup needs root, and sudo cannot be run: {}", sudo.exec())))
}
