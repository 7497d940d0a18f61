//! Puts clap's refusals into cci's one form: what is wrong, and the way out, without a usage dump.

use cci_core::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What clap ended with instead of arguments.
pub(crate) enum Refused {
    /// Help or another text that was asked for, for stdout.
    Asked(String),
    /// A usage error.
    Wrong(Error),
}

/// Sorts and rewords what clap refused.
pub(crate) fn refused(error: &clap::Error) -> Refused {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Refused::Asked(error.render().to_string())
        }
        _ => Refused::Wrong(Error::Usage { problem: problem(error), hint: Some(way_out(error)) }),
    }
}

/// clap's first line, or our own sentence for a value that is not one of a list.
fn problem(error: &clap::Error) -> String {
    if let (ErrorKind::InvalidValue, Some(arg), Some(value)) =
        (error.kind(), text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue))
        && let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue)
        && !valid.is_empty()
    {
        let flag = arg.split_whitespace().next().unwrap_or_default().trim_start_matches('-');
        return format!("invalid {flag} '{value}' (valid: {})", valid.join(", "));
    }
    let rendered = error.render().to_string();
    let paragraph: Vec<&str> = rendered.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    paragraph.join(" ").trim_start_matches("error: ").trim_end_matches('.').to_owned()
}

/// The closest flag or verb, and where the list of them is.
fn way_out(error: &clap::Error) -> String {
    let closest = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| text(error, kind));
    match closest {
        Some(closest) => format!("did you mean '{closest}'? see `cci --help`"),
        None => "see `cci --help`".to_owned(),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}
