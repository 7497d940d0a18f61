//! `cci shutdown` and `cci kill`: end containers gracefully or at once.

use std::time::Duration;

use cci_core::{Error, Result};
use clap::Args;

use crate::app::context::Context;
use crate::app::end::{self, How};
use crate::app::reporter::Answer;
use crate::ui::terminal::Terminal;

/// Which containers.
#[derive(Debug, Args)]
struct Which {
    /// The containers
    names: Vec<String>,
    /// All of this user's
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
}

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

pub(crate) async fn shutdown(args: &ShutdownArgs, cx: &Context) -> Result<u8> {
    let within = Duration::from_secs(args.timeout.into());
    run(&args.which, &Verb { word: "shutdown", done: "Shutdown", how: How::Shutdown { within } }, cx).await
}

pub(crate) async fn kill(args: &KillArgs, cx: &Context) -> Result<u8> {
    run(&args.which, &Verb { word: "kill", done: "Killed", how: How::Kill }, cx).await
}

struct Verb {
    word: &'static str,
    done: &'static str,
    how: How,
}

async fn run(which: &Which, verb: &Verb, cx: &Context) -> Result<u8> {
    let names = match (which.all, which.names.is_empty()) {
        (true, _) => end::everything(cx).await?,
        (false, false) => which.names.clone(),
        (false, true) => {
            return Err(Error::StepFailed {
                step: verb.word.to_owned(),
                problem: "no container named".into(),
                hint: Some("name one of `cci list`, or use --all".into()),
            });
        }
    };
    if names.is_empty() {
        return Terminal::result(&format!("No containers to {}\n", verb.word)).map(|()| 0);
    }
    if !which.force && (which.all || names.len() > 1) && !confirmed(&names, verb, cx)? {
        return Terminal::result("Cancelled.\n").map(|()| 0);
    }
    if let How::Shutdown { within } = verb.how {
        cx.reporter.note(&format!("Shutting down {} container(s), timeout {} s", names.len(), within.as_secs()));
    }
    let gone = end::end(cx, &names, verb.how).await;
    Terminal::result(&format!("{} {gone} container(s)\n", verb.done))?;
    end::verdict(names.len(), gone).map(|()| 0)
}

fn confirmed(names: &[String], verb: &Verb, cx: &Context) -> Result<bool> {
    let question = format!("{} {} container(s): {}", verb.word, names.len(), names.join(", "));
    match cx.reporter.confirm(&question) {
        Answer::Yes => Ok(true),
        Answer::No => Ok(false),
        Answer::NoTerminal => Err(Error::NotConfirmed { question, flag: "--force" }),
    }
}
