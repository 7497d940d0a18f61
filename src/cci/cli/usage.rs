//! Rewords clap's refusals in cci's one form: the problem and the way out, without a usage dump.

use std::ffi::OsString;

use cci_core::Error;
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What clap returned instead of arguments.
pub(crate) enum Refused {
    /// Help or another text that was asked for, for stdout.
    Asked(String),
    /// A usage error.
    Wrong(Error),
}

/// Sorts and rewords what clap refused of this command line.
pub(crate) fn refused(error: &clap::Error, cci: &Command, argv: &[OsString]) -> Refused {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Refused::Asked(error.render().to_string())
        }
        ErrorKind::InvalidUtf8 => {
            Refused::Wrong(Error::Usage { problem: not_utf8(argv), hint: Some(hint(error, cci, argv)) })
        }
        _ => Refused::Wrong(Error::Usage { problem: problem(error), hint: Some(hint(error, cci, argv)) }),
    }
}

/// Names the argument, because clap does not.
fn not_utf8(argv: &[OsString]) -> String {
    let word = argv.iter().find(|word| word.to_str().is_none()).cloned().unwrap_or_default();
    format!("argument '{}' is not UTF-8", word.as_encoded_bytes().escape_ascii())
}

/// clap's first line, or our own sentence for a value that is not one of a list.
fn problem(error: &clap::Error) -> String {
    if let (ErrorKind::InvalidValue, Some(arg), Some(value)) =
        (error.kind(), text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue))
        && let Some(valid) = valid_values(error)
    {
        let flag = arg.split_whitespace().next().unwrap_or_default();
        let name = flag.trim_start_matches('-').trim_matches(['<', '>', '[', ']']).to_lowercase();
        return format!("invalid {name} '{value}' (valid: {})", valid.join(", "));
    }
    let rendered = error.render().to_string();
    let paragraph: Vec<&str> = rendered.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    paragraph.join(" ").trim_start_matches("error: ").trim_end_matches('.').to_owned()
}

/// The closest flag, verb or value, and where the list of them is.
fn hint(error: &clap::Error, cci: &Command, argv: &[OsString]) -> String {
    let at = verb_at(cci, argv);
    let see = format!("see `{} --help`", at.path);
    match closest(error, at.command) {
        Some(closest) => format!("did you mean '{closest}'? {see}"),
        None => see,
    }
}

fn closest(error: &clap::Error, command: &Command) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
            let names = verbs.flat_map(|verb| std::iter::once(verb.get_name()).chain(verb.get_visible_aliases()));
            nearest(&text(error, ContextKind::InvalidSubcommand)?, names)
        }
        ErrorKind::UnknownArgument => {
            let typed = text(error, ContextKind::InvalidArg)?;
            let typed = typed.strip_prefix("--")?.split('=').next().unwrap_or_default();
            nearest(typed, command.get_arguments().filter_map(clap::Arg::get_long)).map(|flag| format!("--{flag}"))
        }
        ErrorKind::InvalidValue => {
            let valid = valid_values(error)?;
            nearest(&text(error, ContextKind::InvalidValue)?, valid.iter().map(String::as_str))
        }
        _ => None,
    }
}

/// How similar a word must be to another to count as a typo of it.
const CLOSE: f64 = 0.5;

/// The nearest of `valid`, if one is near.
pub(crate) fn nearest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let rated = valid.into_iter().map(|one| (strsim::normalized_damerau_levenshtein(word, one), one));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(agreement, _)| *agreement >= CLOSE).map(|(_, one)| one.to_owned())
}

/// The verb that a command line had reached.
struct At<'a> {
    command: &'a Command,
    path: String,
}

fn verb_at<'a>(cci: &'a Command, argv: &[OsString]) -> At<'a> {
    let mut at = At { command: cci, path: "cci".to_owned() };
    for word in argv.iter().skip(1).take_while(|word| *word != "--") {
        if let Some(below) = at.command.find_subcommand(word) {
            at.path = format!("{} {}", at.path, below.get_name());
            at.command = below;
        }
    }
    at
}

fn valid_values(error: &clap::Error) -> Option<&Vec<String>> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(valid) if !valid.is_empty() => Some(valid),
        _ => None,
    }
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
    use super::*;

    #[test]
    fn the_nearest_is_named_and_not_the_first() {
        let verbs = ["help", "shell", "shutdown", "list", "ls", "kill", "clean"];
        for (typed, want) in [("shel", "shell"), ("lsit", "list"), ("kil", "kill"), ("shutdwon", "shutdown")] {
            assert_eq!(nearest(typed, verbs).as_deref(), Some(want));
        }
        assert_eq!(nearest("frobnicate", verbs), None);
    }

    #[test]
    fn every_command_line_stands_at_its_verb() {
        let cci = super::super::command::whole();
        let path = |words: &[&str]| verb_at(&cci, &words.iter().map(OsString::from).collect::<Vec<_>>()).path;
        assert_eq!(path(&["cci", "--quiet", "image", "list", "--al"]), "cci image list");
        assert_eq!(path(&["cci", "run", "--", "image"]), "cci run");
        assert_eq!(path(&["cci", "frobnicate"]), "cci");
    }
}
