//! `cci tmux`: drives a session without a terminal.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::tmux::{Part, session_name};
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use schemars::JsonSchema;
use serde::Serialize;

use super::complete;
use super::json_schema::Described;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::blocking::blocking;
use cci_engine::context::Context;
use cci_engine::session::tmux::{self, Input};
use cci_host::settings::Trust;

/// The longest prompt.
const LONGEST: u64 = 16 << 20;

/// Drive a session without a terminal
#[derive(Debug, Args)]
#[command(
    subcommand_help_heading = "Commands",
    after_help = "Examples:\n  cci tmux send cci-9c09f805-1 \"write a hello world\"\n  cci tmux capture cci-9c09f805-1\n  cci tmux list"
)]
pub(crate) struct TmuxArgs {
    #[command(subcommand)]
    verb: TmuxVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TmuxVerb {
    /// Send a prompt to the agent of a session
    #[command(
        after_help = "Examples:\n  cci tmux send cci-9c09f805-1 \"fix the failing test\" --wait\n  cci tmux send cci-9c09f805-1 --file prompt.md\n  git diff | cci tmux send cci-9c09f805-1 -\n  cci tmux send cci-9c09f805-1 --keys C-c\n  cci tmux send cci-9c09f805-1 --no-enter -- -v"
    )]
    Send(SendArgs),
    /// Print what a session shows
    #[command(
        after_help = "Examples:\n  cci tmux capture cci-9c09f805-1\n  cci tmux capture cci-9c09f805-1 --lines 200\n  cci tmux capture cci-9c09f805-1 --all > session.txt"
    )]
    Capture(CaptureArgs),
    /// Show the running sessions
    #[command(after_help = "Examples:\n  cci tmux list --format=json")]
    List(FormatArg),
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::running))]
    name: String,
    /// The text, as it is; several words are joined by spaces, and `-` alone reads stdin
    #[arg(required_unless_present = "file")]
    text: Vec<String>,
    /// Send the contents of this file; `-` is stdin
    #[arg(long, value_name = "PATH", conflicts_with_all = ["text", "keys"], value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Type into the pane even if the agent has exited or is asking a question
    #[arg(long)]
    force: bool,
    /// Do not press Enter after it
    #[arg(long)]
    no_enter: bool,
    /// Take the words as tmux key names (C-c, Up, Enter)
    #[arg(long)]
    keys: bool,
    /// Return when the pane has been quiet, at most after this many seconds
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true, default_missing_value = "60")]
    wait: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CaptureArgs {
    /// The container
    #[arg(add = ArgValueCandidates::new(complete::running))]
    name: String,
    /// Include this many lines of scrollback
    #[arg(long, value_name = "N", conflicts_with = "all")]
    lines: Option<u32>,
    /// Include all of the scrollback
    #[arg(long)]
    all: bool,
    /// Keep the colours
    #[arg(long)]
    ansi: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `tmux list --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci tmux list")]
struct Sessions {
    active_sessions: Vec<Running>,
}

/// A running container and the session in it.
#[derive(Debug, Serialize, JsonSchema)]
struct Running {
    container: String,
    tmux_session: String,
}

/// What `tmux capture --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci tmux capture")]
struct Captured {
    container: String,
    /// The pane's lines; bytes that are not UTF-8 are replaced.
    text: String,
}

impl Verb for TmuxArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Captured>("tmux-capture", "the lines of a pane"),
        Described::new::<Sessions>("tmux-list", "the running sessions"),
    ];

    fn format(&self) -> Option<Format> {
        match &self.verb {
            TmuxVerb::Send(_) => None,
            TmuxVerb::Capture(args) => Some(args.format.format),
            TmuxVerb::List(args) => Some(args.format),
        }
    }
}

impl OnIncus for TmuxArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        match &self.verb {
            TmuxVerb::Send(args) => send(args, cx).await,
            TmuxVerb::Capture(args) => capture(args, cx).await,
            TmuxVerb::List(args) => list(*args, cx).await,
        }
    }
}

async fn send(args: &SendArgs, cx: &Context) -> Result<u8> {
    let input = if args.keys {
        Input::Keys(args.text.clone())
    } else {
        Input::Text { text: text(args, cx).await?, enter: !args.no_enter }
    };
    tmux::send(cx, &args.name, &input, args.force).await?;
    if let Some(seconds) = args.wait {
        tmux::wait_until_quiet(cx, &args.name, Duration::from_secs(seconds)).await?;
    }
    Terminal::result(&Text::one(format_args!("Sent command to session {}", session_name(&args.name)))).map(|()| 0)
}

/// What is sent. Enter replaces the newline at the end of a file.
async fn text(args: &SendArgs, cx: &Context) -> Result<Vec<u8>> {
    let file = match (&args.file, args.text.as_slice()) {
        (Some(file), _) => file.clone(),
        (None, [dash]) if dash == "-" => PathBuf::from("-"),
        (None, words) => return Ok(words.join(" ").into_bytes()),
    };
    let shown = if file == Path::new("-") { "the standard input".into() } else { GuestText::new(&file).to_string() };
    // stdin may never end
    let mut text = cx.scope.until_cancelled(blocking(move || read(&file))).await?;
    if text.is_empty() {
        return Err(Error::usage(format!("{shown} is empty: nothing was sent")));
    }
    if !args.no_enter && text.last() == Some(&b'\n') {
        text.pop();
        text.pop_if(|byte| *byte == b'\r');
    }
    Ok(text)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = LONGEST + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(limit).read_to_end(&mut text))
    };
    read.map_err(|source| Error::Host { step: "read", path: file.to_owned(), source })?;
    if text.len() as u64 > LONGEST {
        let shown = GuestText::new(file);
        return Err(Error::usage(format!("{shown} is too large for a prompt: the limit is {} MiB", LONGEST >> 20)));
    }
    Ok(text)
}

async fn capture(args: &CaptureArgs, cx: &Context) -> Result<u8> {
    let part = match (args.all, args.lines) {
        (true, _) => Part::All,
        (false, Some(lines)) => Part::Lines(lines),
        (false, None) => Part::Visible,
    };
    let pane = tmux::capture(cx, &args.name, part, args.ansi).await?;
    if args.ansi && args.format.format == Format::Text {
        return Terminal::raw(&pane).map(|()| 0);
    }
    if args.format.format == Format::Text {
        return Terminal::result(&Text::block(&pane)).map(|()| 0);
    }
    let text = String::from_utf8_lossy(&pane).into_owned();
    print(Format::Json, &Captured { container: args.name.clone(), text }, |captured| Text::block(&captured.text))
}

async fn list(args: FormatArg, cx: &Context) -> Result<u8> {
    let names = tmux::list(cx).await?;
    let running = names.into_iter().map(|name| Running { tmux_session: session_name(&name), container: name });
    print(args.format, &Sessions { active_sessions: running.collect() }, sessions_text)
}

fn sessions_text(sessions: &Sessions) -> Text {
    if sessions.active_sessions.is_empty() {
        return Text::one("No active sessions");
    }
    let line = |one: &Running| format!("  - {} (tmux session: {})", one.container, one.tmux_session);
    std::iter::once("Active sessions:".to_owned()).chain(sessions.active_sessions.iter().map(line)).collect()
}
