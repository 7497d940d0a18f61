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
        .find_map(|kind| nearest(error, kind));
    match closest {
        Some(closest) => format!("did you mean '{closest}'? see `cci --help`"),
        None => "see `cci --help`".to_owned(),
    }
}

/// Of several suggestions the one that is most like what was typed.
fn nearest(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let Some(ContextValue::Strings(several)) = error.get(kind) else { return text(error, kind) };
    let typed = [ContextKind::InvalidSubcommand, ContextKind::InvalidValue, ContextKind::InvalidArg];
    let typed = typed.into_iter().find_map(|kind| text(error, kind)).unwrap_or_default();
    let likeness = |word: &&String| strsim::normalized_damerau_levenshtein(&typed, word);
    several.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).cloned()
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    fn hint(argv: &[&str]) -> String {
        match refused(&Cli::try_parse_from(argv).unwrap_err()) {
            Refused::Wrong(Error::Usage { hint, .. }) => hint.unwrap_or_default(),
            _ => String::new(),
        }
    }

    #[test]
    fn the_nearest_verb_is_suggested() {
        for (typed, meant) in [("shel", "shell"), ("lst", "list"), ("attch", "attach"), ("kil", "kill")] {
            assert!(hint(&["cci", typed]).contains(&format!("'{meant}'")), "{typed}: {}", hint(&["cci", typed]));
        }
        assert!(hint(&["cci", "list", "--al"]).contains("'--all'"), "{}", hint(&["cci", "list", "--al"]));
    }
}
