//! `--capture [--format json|raw]`: what a command printed as one result.

use cci_core::{Error, Result};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Format;
use crate::ui::json;
use crate::ui::terminal::Terminal;
use cci_engine::process::outcome::Outcome;

// Whether and how the output of a command is kept; as a doc comment clap would take it for what the verb does.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct CaptureArgs {
    /// Print what the command printed as one JSON object, when it has ended
    #[arg(long)]
    capture: bool,
    /// With --capture: json, or raw for its stdout alone
    #[arg(long, value_name = "FORMAT")]
    format: Option<CaptureFormat>,
}

/// What a command printed and how it ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Kept {
    stdout: String,
    stderr: String,
    exit_code: i32,
    /// From its own beginning on; `run` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// The form of a captured output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaptureFormat {
    /// One object.
    Json,
    /// Exact bytes.
    Raw,
}

impl CaptureArgs {
    /// Whether the output is kept; `--format` alone means nothing.
    pub(crate) fn wanted(self) -> Result<bool> {
        match (self.capture, self.format) {
            (false, Some(_)) => Err(Error::Usage {
                problem: "--format flag requires --capture".into(),
                hint: Some("add --capture, or leave --format out".into()),
            }),
            (capture, _) => Ok(capture),
        }
    }

    /// The form of failures: JSON where JSON was asked for.
    pub(crate) fn errors(self) -> Option<Format> {
        (self.format == Some(CaptureFormat::Json)).then_some(Format::Json)
    }

    /// Prints what was kept; the status to end with: an object carries the command's own in it.
    pub(crate) fn print(self, outcome: &Outcome, timed: bool) -> Result<u8> {
        if !self.capture {
            return Ok(outcome.exit());
        }
        if self.format == Some(CaptureFormat::Raw) {
            return Terminal::raw(&outcome.stdout).map(|()| outcome.exit());
        }
        let kept = Kept {
            stdout: String::from_utf8_lossy(&outcome.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&outcome.stderr).into_owned(),
            exit_code: outcome.status,
            duration_ms: timed.then(|| u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX)),
        };
        Terminal::result(&json::pretty(&kept)?).map(|()| 0)
    }
}
