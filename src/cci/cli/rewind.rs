//! `cci rewind`: brings a checkpoint back.

use cci_core::session::SessionId;
use cci_core::{Error, Result};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::checkpoint::say_not_held;
use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::question::Question;
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::supervisor;
use crate::ui::count::count;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::checkpoint::rewind::{self, Planned, Rewound};
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_host::settings::Trust;
use cci_host::store::checkpoints::Part;

/// Bring container, workspace and conversation back
#[derive(Debug, Args)]
#[command(
    after_help = "What is there now is taken first, so a rewind can be taken back: rewind to that checkpoint.\n\nExamples:\n  cci rewind ~1                         one checkpoint back\n  cci rewind 3fa9c1                     to this one, all three\n  cci rewind 3fa9c1 --only workspace    its files only\n  cci rewind ~2 --dry-run               show what would change\n  cci rewind --continue                 after one that was interrupted"
)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct RewindArgs {
    /// The checkpoint: its id, the first digits of it, or ~N for N back
    #[arg(value_name = "ID|~N", required_unless_present_any = ["complete", "abort"], add = ArgValueCandidates::new(complete::checkpoints))]
    to: Option<String>,
    /// Bring back only this; repeatable
    #[arg(long, value_name = "PART")]
    only: Vec<Only>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Complete a rewind that was interrupted
    #[arg(long = "continue", conflicts_with_all = ["to", "only", "dry_run", "abort"])]
    complete: bool,
    /// Take back a rewind that was interrupted
    #[arg(long, conflicts_with_all = ["to", "only", "dry_run"])]
    abort: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// A part of a checkpoint on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// The container's root file system
    Container,
    /// The files of the workspace
    Workspace,
    /// What the agent remembers
    Conversation,
}

impl From<Only> for Part {
    fn from(only: Only) -> Self {
        match only {
            Only::Container => Self::Container,
            Only::Workspace => Self::Workspace,
            Only::Conversation => Self::Conversation,
        }
    }
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci rewind")]
struct Shown {
    /// The checkpoint that was brought back, or with `--dry-run` would be.
    to: String,
    /// The one that brings back what was there before; empty with `--dry-run`.
    from: String,
    /// What came back: `container`, `workspace`, `conversation`.
    parts: Vec<String>,
    /// What cannot come back, and why.
    missing: Vec<Missing>,
    /// How many files of the workspace differed.
    files: u64,
    /// The container that runs the agent now; empty if none does.
    container: String,
    /// The conversation that was resumed in it.
    session_id: String,
}

/// A part that cannot come back.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Missing {
    /// Which.
    part: String,
    /// Why.
    why: String,
}

impl Missing {
    pub(crate) fn of((part, why): &(Part, &'static str)) -> Self {
        Self { part: part.word().to_owned(), why: (*why).to_owned() }
    }
}

impl Verb for RewindArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Shown>("rewind", "what a rewind brought back")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Env, LaunchFlag::EnvFile, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for RewindArgs {
    fn trust(&self) -> Trust {
        Trust::Judged
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let cx = &environment::resolved(cx).await?;
        if self.complete || self.abort {
            let ending = async { if self.complete { rewind::resume(cx).await } else { rewind::abort(cx).await } };
            let ended = supervisor::beside(cx, ending, sessions).await?;
            return self.tell(call, None, &ended);
        }
        let slot = slot(call.flags.launch.slot)?;
        let only: Vec<Part> = self.only.iter().copied().map(Part::from).collect();
        let planned = rewind::plan(cx, self.to.as_deref().unwrap_or_default(), slot, &only).await?;
        let asks = !self.yes && cci_host::terminal::is_interactive();
        // to count them takes a look at every file, and a rewind has to look anyway
        let files = if self.dry_run || asks { Some(rewind::differing(cx, &planned).await?) } else { None };
        if self.dry_run {
            let shown = Shown { files: files.unwrap_or_default(), ..shown(&planned) };
            return print(self.format.format, &shown, |_| description(&planned, files).into_iter().collect());
        }
        for line in description(&planned, files) {
            call.terminal.note(&line);
        }
        if planned.parts.is_empty() {
            let problem = "nothing of it can come back".to_owned();
            return Err(Error::CheckpointIncomplete { id: planned.to.id, part: "state", problem });
        }
        if asks && !confirmed(call, &planned).await? {
            return Terminal::result(&Text::one("Cancelled.")).map(|()| 0);
        }
        let rewinding = rewind::rewind(cx, &planned, slot);
        let has = |part| planned.parts.contains(&part);
        let rewound = if has(Part::Container) || has(Part::Conversation) && planned.runs {
            supervisor::beside(cx, rewinding, sessions).await?
        } else {
            // no agent is started
            rewinding.await?
        };
        say_not_held(call, &planned.to);
        self.tell(call, Some(&planned), &rewound)
    }
}

impl RewindArgs {
    fn tell(&self, call: &Call<'_>, planned: Option<&Planned>, rewound: &Rewound) -> Result<u8> {
        let (container, session_id) = match &rewound.running {
            Some((container, session)) => (container.clone(), session.to_string()),
            None => (String::new(), String::new()),
        };
        let parts = rewound.parts.iter().map(|part| part.word().to_owned()).collect();
        let shown = Shown {
            to: rewound.to.to_string(),
            from: rewound.from.to_string(),
            parts,
            missing: planned.map(|planned| shown(planned).missing).unwrap_or_default(),
            files: rewound.files,
            container,
            session_id,
        };
        print(self.format.format, &shown, |shown| Text::one(format_args!("Rewound to {}", shown.to)))?;
        if rewound.from != rewound.to {
            call.terminal.hint(&format!("take it back with `cci rewind {}`", rewound.from));
        }
        if !shown.container.is_empty() {
            call.terminal.hint(&format!("go to the agent with `cci attach {}`", shown.container));
        }
        Ok(0)
    }
}

/// The conversation that goes on behind it.
fn sessions(rewound: &Rewound) -> Vec<SessionId> {
    rewound.running.iter().map(|(_, session)| *session).collect()
}

/// Asks on a terminal; a script has said what it wants, and a rewind can be taken back.
async fn confirmed(call: &Call<'_>, planned: &Planned) -> Result<bool> {
    let text = format!("Rewind to checkpoint {}?", planned.to.id);
    Question { text: &text, act: &text, flag: "--yes" }.confirmed(call.terminal).await
}

fn shown(planned: &Planned) -> Shown {
    Shown {
        to: planned.to.id.to_string(),
        from: String::new(),
        parts: planned.parts.iter().map(|part| part.word().to_owned()).collect(),
        missing: planned.missing.iter().map(Missing::of).collect(),
        files: 0,
        container: String::new(),
        session_id: String::new(),
    }
}

/// What will change, line by line.
fn description(planned: &Planned, files: Option<u64>) -> Vec<String> {
    let mut lines =
        vec![format!("Checkpoint {}, taken {} ({})", planned.to.id, planned.to.at, planned.to.cause.word())];
    for part in &planned.parts {
        lines.push(match part {
            Part::Container => match &planned.container {
                Some(container) => format!("  container: {container} is ended and starts again as it was then"),
                None => "  container: it starts again as it was then".to_owned(),
            },
            Part::Workspace => match files {
                Some(files) => format!("  workspace: {}", count(files, "file changes", "files change")),
                None => "  workspace: its files are as they were then".to_owned(),
            },
            Part::Conversation => "  conversation: what was said since is forgotten".to_owned(),
        });
    }
    for (part, why) in &planned.missing {
        lines.push(format!("  {} cannot come back: {why}", part.word()));
    }
    for other in &planned.others {
        lines.push(format!("  {other} works on the same files"));
    }
    lines
}
