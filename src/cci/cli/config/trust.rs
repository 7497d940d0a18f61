//! `cci config trust`: what a project file asks for, and the approval of exactly that.

use std::path::PathBuf;
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::waiting::WaitingKey;
use crate::cli::output::{Format, FormatArg, print};
use crate::ui::terminal::{Answer, Terminal};
use crate::ui::text::Text;
use cci_engine::configuration::config::Configured;
use cci_host::settings::Project;
use cci_host::signals;

/// The status if the user declines.
const DECLINED: u8 = 1;

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Approve what has this hash, without asking
    #[arg(long, value_name = "HASH", conflicts_with_all = ["list", "revoke", "show"])]
    hash: Option<String>,
    /// Print what needs approval, and its hash; approve nothing
    #[arg(long, conflicts_with_all = ["list", "revoke"])]
    show: bool,
    /// Print the approved files
    #[arg(long, conflicts_with = "revoke")]
    list: bool,
    /// Revoke the approval
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl TrustArgs {
    pub(super) fn format(&self) -> Format {
        self.format.format
    }
}

/// A project file that the user has approved.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Approved {
    path: String,
    /// SHA-256 of what was approved, as hex.
    hash: String,
}

/// What a project file asks for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci config trust")]
pub(crate) struct Asked {
    path: PathBuf,
    /// What `--hash` takes: SHA-256 of the file, of the profiles next to it, and of what its commands name.
    hash: String,
    /// Whether the user has approved exactly this.
    approved: bool,
    /// The keys that need approval.
    waiting: Vec<WaitingKey>,
    /// The files that its commands name, which are approved with it.
    named: Vec<PathBuf>,
}

impl Asked {
    fn new(project: &Project, approved: bool) -> Self {
        Self {
            path: project.path.clone(),
            hash: project.hash.clone(),
            approved,
            waiting: WaitingKey::all(&project.waiting),
            named: project.named.clone(),
        }
    }

    fn text(&self) -> Text {
        if self.waiting.is_empty() {
            return Text::one(format_args!("{}: nothing needs approval", GuestText::new(&self.path)));
        }
        let mut text = WaitingKey::text(&self.waiting);
        if !self.named.is_empty() {
            text.line("approved as they are now, too:");
        }
        for path in &self.named {
            text.line(format_args!("  {}", GuestText::new(path)));
        }
        text.with(format_args!("hash: {}", self.hash))
    }
}

pub(super) async fn run(args: &TrustArgs, cx: &Configured, terminal: &Arc<Terminal>) -> Result<u8> {
    if args.list {
        return list(args.format(), cx);
    }
    if args.revoke {
        let path = cx.places().project;
        let said = if cx.approvals()?.revoke(&path)? { "No longer trusted" } else { "Was not trusted" };
        terminal.note(&format!("{said}: {}", GuestText::new(&path)));
        return Ok(0);
    }
    let project = cx.project()?;
    project.refuse_unfit()?;
    if args.show {
        return print(args.format(), &Asked::new(&project, project.approved), Asked::text);
    }
    approve(args, cx, &project, terminal).await
}

fn list(format: Format, cx: &Configured) -> Result<u8> {
    let approvals = cx.approvals()?;
    let all = approvals.all().map(|(path, hash)| Approved { path: path.to_owned(), hash: hash.to_owned() });
    print(format, &all.collect::<Vec<_>>(), |all| {
        let line = |one: &Approved| format!("{}  {}", one.hash, one.path);
        all.iter().map(line).collect()
    })
}

/// Shows what was read, and approves exactly that, not what may have replaced it since.
async fn approve(args: &TrustArgs, cx: &Configured, project: &Project, terminal: &Arc<Terminal>) -> Result<u8> {
    let mut asked = Asked::new(project, project.approved);
    if args.format() == Format::Text {
        terminal.always(&asked.text());
    }
    match &args.hash {
        Some(hash) if *hash != project.hash => return Err(other_hash(project)),
        _ if project.waiting.is_empty() => return report(args, &asked, None, terminal),
        Some(_) => {}
        None if project.approved => return report(args, &asked, Some("Trusted already"), terminal),
        None => match answer(terminal).await? {
            Answer::Yes => {}
            Answer::No => {
                terminal.note("Nothing is approved");
                return Ok(DECLINED);
            }
            Answer::NoTerminal => return Err(nobody_to_ask(project)),
        },
    }
    cx.approve(project)?;
    asked.approved = true;
    report(args, &asked, Some("Trusted as it is now"), terminal)
}

/// The answer, unless a signal comes first.
async fn answer(terminal: &Terminal) -> Result<Answer> {
    let cancel = signals::cancellation();
    let asked = terminal.confirm("Approve exactly this?");
    cancel.run_until_cancelled(asked).await.unwrap_or(Err(Error::Interrupted))
}

fn report(args: &TrustArgs, asked: &Asked, said: Option<&str>, terminal: &Arc<Terminal>) -> Result<u8> {
    if args.format() == Format::Json {
        return print(Format::Json, asked, Asked::text);
    }
    if let Some(said) = said {
        terminal.note(&format!("{said}: {}", GuestText::new(&asked.path)));
    }
    Ok(0)
}

fn nobody_to_ask(project: &Project) -> Error {
    Error::Forbidden {
        problem: "nothing is approved: this is not a terminal, so nobody can be asked".into(),
        hint: Some(format!("if you want exactly this, run `cci config trust --hash {}`", project.hash)),
    }
}

fn other_hash(project: &Project) -> Error {
    Error::Forbidden {
        problem: format!(
            "nothing is approved: {} has another hash now, {}",
            GuestText::new(&project.path),
            project.hash
        ),
        hint: Some("see what it asks for with `cci config trust --show`".into()),
    }
}
