//! From argv to an exit status: parses, loads the settings, calls the verb, reports the outcome.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use cci_core::Result;

use super::command::{Cli, TopFlags, parsed, whole};
use super::completion;
use super::flags::GlobalArgs;
use super::output::Format;
use super::runtime;
use super::shell::ShellArgs;
use super::usage::{Refused, refused};
use super::verb::{Call, Program};
use super::verbs::{AnyVerb, schemas};
use super::version::VersionArgs;
use crate::ui::log::Log;
use crate::ui::terminal::{Terminal, Voice};
use crate::ui::text::Text;
use crate::ui::timeline::{self, Timeline};
use tracing::Instrument;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

/// The status of cci's own failure, in a verb that passes on the command's.
const OWN_FAILURE: u8 = 125;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let timeline = Timeline::begin();
    if completion::answered(whole) {
        return ExitCode::SUCCESS;
    }
    let argv: Vec<OsString> = std::env::args_os().collect();
    let (Cli { flags: TopFlags { version, global }, verb }, name) = match parsed(&argv) {
        Ok(parsed) => parsed,
        Err(error) => return unparsed(&error, &argv),
    };
    let verb = if version { Some(AnyVerb::Version(VersionArgs::default())) } else { verb };
    let verb = verb.unwrap_or_else(|| AnyVerb::Shell(ShellArgs::default()));
    let terminal = Arc::new(Terminal::new(voice(Some((&global, &verb)))));
    listen_to_spans(log_filter(global.verbose), global.timing.then(|| timeline.clone()));
    let passes_status = verb.passes_status();
    let span = tracing::info_span!("cci", verb = name);
    let program = Program { command: whole, schemas };
    let call = Call { flags: &global, terminal: &terminal, program };
    let done = runtime::carry_out(verb.carry_out(&call).instrument(span)).flatten();
    let status = end(done, &terminal, passes_status);
    if global.timing {
        terminal.timing(&timeline.lines());
    }
    status
}

#[expect(clippy::disallowed_methods, reason = "asked what it is only")]
fn voice(parsed: Option<(&GlobalArgs, &AnyVerb)>) -> Voice {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let seen = std::io::stderr().is_terminal();
    let color = seen && !unwanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    match parsed {
        None => Voice { color, ..Voice::default() },
        Some((global, verb)) => {
            let json_errors = verb.format() == Some(Format::Json);
            // a program that reads stderr must find the error and nothing else
            let quiet = global.quiet || (json_errors && !seen);
            Voice { quiet, color: color && !global.no_color, json_errors, silent: false }
        }
    }
}

/// Help goes to stdout; a refusal is printed in the form that the rest of the command line asks for.
fn unparsed(error: &clap::Error, argv: &[OsString]) -> ExitCode {
    match refused(error, &whole(), argv) {
        Refused::Asked(text) => {
            end(Terminal::result(&Text::block(&text)).map(|()| 0), &Terminal::new(voice(None)), false)
        }
        Refused::Wrong(error) => {
            let argv: Vec<&OsString> = argv.iter().take_while(|arg| *arg != "--").collect();
            let json = argv.iter().any(|arg| *arg == "--format=json")
                || argv.windows(2).any(|two| two[0] == "--format" && two[1] == "json");
            let no_color = argv.iter().any(|arg| *arg == "--no-color");
            let voice = voice(None);
            let terminal = Terminal::new(Voice { json_errors: json, color: voice.color && !no_color, ..voice });
            end(Err(error), &terminal, false)
        }
    }
}

fn end(done: Result<u8>, terminal: &Terminal, passes_status: bool) -> ExitCode {
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal.failure(&error);
            let own = passes_status && error.exit() == 1;
            ExitCode::from(if own { OWN_FAILURE } else { error.exit() })
        }
    }
}

/// What the log for developers tells: `CCI_LOG` (a `tracing` filter) or `-v`; nothing else switches it on.
fn log_filter(verbose: u8) -> Option<EnvFilter> {
    let filter = match (std::env::var("CCI_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => filter,
        (_, 0) => return None,
        (_, 1) => "cci=info".to_owned(),
        (_, 2) => "cci=debug".to_owned(),
        _ => "cci=trace".to_owned(),
    };
    Some(EnvFilter::new(filter))
}

/// Without a listener, no span costs anything.
fn listen_to_spans(log: Option<EnvFilter>, timeline: Option<Timeline>) {
    if log.is_none() && timeline.is_none() {
        return;
    }
    let lines = || fmt::layer().with_writer(Log).with_ansi(false).with_span_events(FmtSpan::CLOSE);
    registry()
        .with(timeline.map(|timeline| timeline.with_filter(filter_fn(timeline::is_request))))
        .with(log.map(|filter| lines().with_filter(filter)))
        .init();
}
