//! A workspace's `.env`: assignments as shells and most libraries read them, without anything that would be expanded or
//! run. An agent can have written it, so nothing in it decides which programs are loaded or how the agent is let in.

mod refused;

use std::collections::{BTreeMap, BTreeSet};

use self::refused::is_refused;
use crate::environment::is_variable_name;

/// What such a file sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dotenv {
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// The names of those that it may not set.
    pub refused: BTreeSet<String>,
    /// The lines that are no assignment, counted from 1. They may contain secrets, so nothing shows them.
    pub wrong: Vec<usize>,
}

/// A line that is no assignment.
struct Wrong;

/// What one line, or a quoted value that goes on over several, comes to.
type Read = Result<Option<(String, String)>, Wrong>;

/// Reads a whole file.
#[must_use]
pub fn parse(text: &str) -> Dotenv {
    let mut found = Dotenv::default();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let (read, after) = next(rest);
        match read {
            Ok(Some((name, _))) if is_refused(&name) => drop(found.refused.insert(name)),
            Ok(Some((name, value))) => drop(found.variables.insert(name, value)),
            Ok(None) => {}
            Err(Wrong) => found.wrong.push(line),
        }
        line += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    found
}

/// The first assignment of a text, and what follows it.
fn next(text: &str) -> (Read, &str) {
    let (line, after) = first_line(text);
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return (Ok(None), after);
    }
    let Some((name, value)) = text.split_once('=').filter(|_| line.contains('=')) else { return (Err(Wrong), after) };
    let name = name.trim();
    let name = name.strip_prefix("export").filter(|name| name.starts_with([' ', '\t'])).map_or(name, str::trim_start);
    if !is_variable_name(name) {
        return (Err(Wrong), after);
    }
    let value = value.trim_start_matches([' ', '\t']);
    let (value, after) = match value.chars().next().filter(|first| ['"', '\''].contains(first)) {
        Some(quote) => match quoted(&value[1..], quote) {
            Some((value, after)) => (value, after),
            None => return (Err(Wrong), after),
        },
        None => (plain(first_line(value).0).to_owned(), after),
    };
    let read = if value.contains('\0') { Err(Wrong) } else { Ok(Some((name.to_owned(), value))) };
    (read, after)
}

fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// A value without quotes, up to a comment.
fn plain(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let end = [" #", "\t#"].iter().filter_map(|comment| value.find(comment)).min();
    value[..end.unwrap_or(value.len())].trim()
}

/// A value up to its closing quote, after which only a comment may follow, and the text after its line.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            _ if char == quote => {
                let (left, after) = first_line(&text[at + 1..]);
                let left = left.trim();
                return (left.is_empty() || left.starts_with('#')).then_some((value, after));
            }
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> Vec<(String, String)> {
        let found = parse(text);
        assert_eq!((&found.refused, &found.wrong), (&BTreeSet::new(), &vec![]), "{text}");
        found.variables.into_iter().collect()
    }

    #[test]
    fn assignments_are_read_as_people_write_them_and_nothing_is_expanded() {
        for (text, value) in [
            ("A=1", "1"),
            ("\u{feff}A=1\r\n", "1"),
            ("  export A = two words # comment", "two words"),
            ("A=a#b", "a#b"),
            ("A=#nothing", ""),
            ("A=", ""),
            ("A='$HOME `id` \\n' # x", "$HOME `id` \\n"),
            ("A=\"a\\nb \\\"c\\\" \\$D \\x\"", "a\nb \"c\" $D \\x"),
            ("A=\"-----BEGIN\nMIIE\n-----END\"\n# done", "-----BEGIN\nMIIE\n-----END"),
            ("A=$(id)", "$(id)"),
            ("A=postgres://u:p@h/d?x=1", "postgres://u:p@h/d?x=1"),
            ("A=1\nA=2", "2"),
        ] {
            assert_eq!(set(text), [("A".to_owned(), value.to_owned())], "{text}");
        }
        assert_eq!(set("exported=x"), [("exported".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_line_that_is_none_is_counted_and_the_others_are_taken() {
        let found = parse("A=\"x\ny\"\nnonsense secret\nB='open\n1C=x\nHOST\nD=\"x\" y\nE=a\0b\nF=1\n");
        assert_eq!(found.wrong, [3, 4, 5, 6, 7, 8]);
        assert_eq!(found.variables.keys().collect::<Vec<_>>(), ["A", "F"]);
    }

    #[test]
    fn it_does_not_say_which_programs_run_or_how_the_agent_is_let_in() {
        let names = [
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "BASH_ENV",
            "ENV",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "PERL5OPT",
            "RUBYOPT",
            "JAVA_TOOL_OPTIONS",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_COUNT",
            "SSH_AUTH_SOCK",
            "SSL_CERT_FILE",
            "https_proxy",
            "HTTPS_PROXY",
            "CCI_CONFIG",
            "npm_config_registry",
            "PIP_INDEX_URL",
            "XDG_CONFIG_HOME",
            "CLAUDE_CONFIG_DIR",
            "CLAUDE_CODE_USE_BEDROCK",
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_UNIX_SOCKET",
            "EDITOR",
            "IFS",
            "TMUX",
        ];
        for name in names {
            let found = parse(&format!("{name}=x\nexport {name}='y'"));
            assert_eq!(found.refused, [name.to_owned()].into(), "{name}");
            assert!(found.variables.is_empty(), "{name}");
        }
        for name in
            ["DATABASE_URL", "API_KEY", "STRIPE_SECRET", "ENVIRONMENT", "PATHS", "PORT", "DEBUG", "OPENAI_API_KEY"]
        {
            assert_eq!(set(&format!("{name}=x")).len(), 1, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "([A-Z=\"'\\\\# \n\0é]|export )*") {
            let found = parse(&text);
            for (name, value) in &found.variables {
                prop_assert!(is_variable_name(name) && !is_refused(name) && !value.contains('\0'));
            }
            let lines = text.matches('\n').count() + 1;
            prop_assert!(found.wrong.iter().all(|line| (1..=lines).contains(line)));
        }
    }
}
