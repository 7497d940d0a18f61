//! `--capture [--format json|raw]`: collects a command's output into one result.

use cci_core::{Error, Result};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Format;
use crate::ui::json;
use crate::ui::terminal::Terminal;
use cci_engine::process::outcome::Outcome;

// Whether and how the output of a command is kept; as a doc comment clap would take it for the verb's description.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct CaptureArgs {
    /// Print the command's output as one JSON object when it exits
    #[arg(long)]
    capture: bool,
    /// With --capture: json, or raw for the command's stdout alone
    #[arg(long, value_name = "FORMAT")]
    format: Option<CaptureFormat>,
}

/// A command's output and exit status.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Kept {
    stdout: String,
    stderr: String,
    exit_code: i32,
    /// Since the start of the command; only `run` gives it.
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
    /// Whether the output is kept; `--format` alone is an error.
    pub(crate) fn wanted(self) -> Result<bool> {
        match (self.capture, self.format) {
            (false, Some(_)) => Err(Error::Usage {
                problem: "--format flag requires --capture".into(),
                hint: Some("add --capture, or leave out --format".into()),
            }),
            (capture, _) => Ok(capture),
        }
    }

    /// The form of failures: JSON where JSON was asked for.
    pub(crate) fn errors(self) -> Option<Format> {
        (self.format == Some(CaptureFormat::Json)).then_some(Format::Json)
    }

    /// Prints what was kept and returns the exit status; a JSON object carries the command's own status.
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
