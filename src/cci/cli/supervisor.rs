//! `cci supervisor`: the process that takes checkpoints while agents work.

use std::fs::OpenOptions;
use std::rc::Rc;
use std::sync::Arc;

use cci_core::{Error, Result};
use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::duty::Checkpoints;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::told_once::Told;
use super::verb::{Call, Offline, Verb};
use crate::supervisor::{self, Ask, Place, Status, WatchedSession};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_host::caller::Caller;
use cci_host::signals;
use cci_host::zone::Zone;

/// Show and control the process that takes checkpoints while agents work
///
/// The first session that needs it starts it, and it ends a minute after the last one. Sessions go on without it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci supervisor status\n  cci supervisor logs --lines 20")]
pub(crate) struct SupervisorArgs {
    #[command(subcommand)]
    verb: SupervisorVerb,
}

#[derive(Debug, Subcommand)]
enum SupervisorVerb {
    /// Whether it runs, and the sessions that it watches
    #[command(
        after_help = "Examples:\n  cci supervisor status\n  cci supervisor status --format=json | jq -r '.sessions[].container'"
    )]
    Status {
        #[command(flatten)]
        format: FormatArg,
    },
    /// What it did
    #[command(after_help = "Examples:\n  cci supervisor logs\n  cci supervisor logs --lines 20")]
    Logs {
        /// How many lines, the newest last
        #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
        lines: usize,
        #[command(flatten)]
        format: FormatArg,
    },
    /// End it, and start it again for the sessions that run
    #[command(after_help = "Examples:\n  cci supervisor restart")]
    Restart {
        #[command(flatten)]
        format: FormatArg,
    },
    /// End it; the next session starts it again
    #[command(
        after_help = "Examples:\n  cci supervisor stop\n\nWhat is being taken is finished first. Until the next session starts, no checkpoints are taken by themselves, and running agents whose login stays on the host (`login.mode`) cannot reach their API."
    )]
    Stop {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Be it
    #[command(hide = true, after_help = "Examples:\n  cci supervisor run")]
    Run,
    /// Renew a login for it
    #[command(hide = true, after_help = "Examples:\n  cci supervisor renew")]
    Renew,
}

/// What `logs --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci supervisor logs")]
struct Logs {
    /// The newest last.
    lines: Vec<String>,
}

impl Verb for SupervisorArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Logs>("supervisor-logs", "what the supervisor did"),
        Described::new::<Status>("supervisor-restart", "the supervisor after a restart"),
        Described::new::<Status>("supervisor-status", "the supervisor and the sessions that it watches"),
        Described::new::<Status>("supervisor-stop", "the supervisor after its end"),
    ];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            SupervisorVerb::Status { format }
            | SupervisorVerb::Logs { format, .. }
            | SupervisorVerb::Restart { format }
            | SupervisorVerb::Stop { format } => Some(format.format),
            SupervisorVerb::Run | SupervisorVerb::Renew => None,
        }
    }
}

impl Offline for SupervisorArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let caller = Caller::of_this_process()?;
        caller.refuse_anothers_home()?;
        let place = Place::of(&caller.cci_dir());
        match self.verb {
            SupervisorVerb::Status { format } => print(format.format, &status(&place).await, status_text),
            SupervisorVerb::Logs { lines, format } => {
                let failed = |source| Error::Host { step: "read", path: place.log(), source };
                let logs = Logs { lines: supervisor::tail(&place.log(), lines).map_err(failed)? };
                print(format.format, &logs, |logs| logs.lines.iter().collect())
            }
            SupervisorVerb::Restart { format } => {
                let runs = supervisor::restart(&place, &caller).await?;
                print(format.format, &status(&place).await, |_| {
                    Text::one(if runs { "Supervisor restarted" } else { "No session needs a supervisor" })
                })
            }
            SupervisorVerb::Stop { format } => {
                let ran = supervisor::stop(&place).await?;
                print(format.format, &status(&place).await, |_| {
                    Text::one(if ran { "Supervisor stopped" } else { "Supervisor was not running" })
                })
            }
            SupervisorVerb::Run => be(&place, &caller, call.terminal).await,
            SupervisorVerb::Renew => renew().await,
        }
    }
}

/// Without an answer there is none.
async fn status(place: &Place) -> Status {
    Ask(place).status().await.unwrap_or_default()
}

fn status_text(status: &Status) -> Text {
    let Some(pid) = status.pid.filter(|_| status.running) else {
        return Text::one("Supervisor: not running");
    };
    let since = status.since.as_deref().map(|at| Zone::of_this_process().shown(at)).unwrap_or_default();
    let mut out = Text::one(format_args!("Supervisor: running (process {pid}) since {since}"));
    out.line(format_args!("Version: {}", status.version.as_deref().unwrap_or_default()));
    out.line("Sessions:");
    if status.sessions.is_empty() {
        out.line("  (none)");
    }
    for WatchedSession { session, container, workspace, taken, busy, closed } in &status.sessions {
        let now = if *busy { ", one is being taken" } else { "" };
        out.line(format_args!("  {session}"));
        out.line(format_args!("    Container: {container}"));
        out.line(format_args!("    Workspace: {workspace}"));
        out.line(format_args!("    Checkpoints: {taken}{now}"));
        if let Some(why) = closed {
            out.line(format_args!("    Allowed names: out of reach, {why}"));
        }
    }
    out
}

/// Is the supervisor: a session of its own, so that no terminal's end reaches it.
async fn be(place: &Place, caller: &Caller, terminal: &Arc<Terminal>) -> Result<u8> {
    // one that leads its group already is started by a person, or by a service manager
    let _ = rustix::process::setsid();
    let duty = Rc::new(Checkpoints { terminal: Arc::clone(terminal), caller: caller.clone(), told: Told::default() });
    supervisor::run(place, caller.ids.uid, duty, signals::cancellation(), ready).await.map(|_| 0)
}

/// Renews a login for the supervisor: nothing that ends that one ends this, until what the server has answered is kept.
async fn renew() -> Result<u8> {
    let _ = rustix::process::setsid();
    // signals are heard, and change nothing
    let _heard = signals::cancellation();
    if let Some(outcome) = supervisor::be_apart().await {
        // whoever asked may have gone
        let _ = Terminal::result(&Text::one(outcome));
    }
    Ok(0)
}

/// Tells whoever started it that it listens, and nothing from then on.
fn ready() {
    // whoever started it may have gone
    let _ = Terminal::result(&Text::one("ready"));
    if let Ok(nothing) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&nothing);
    }
}
