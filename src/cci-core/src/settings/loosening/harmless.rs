//! The variables that a project may set next to the user's credentials, as an allowlist of names.

/// Variables that choose no code, no address and no file: they set verbosity, colour, language, and which of its own
/// settings a program of the project uses.
const NAMES: [&str; 25] = [
    "APP_ENV",
    "CARGO_TERM_COLOR",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "DJANGO_ENV",
    "FLASK_ENV",
    "FORCE_COLOR",
    "GO_ENV",
    "LANG",
    "LANGUAGE",
    "LOG_LEVEL",
    "MIX_ENV",
    "NODE_ENV",
    "NO_COLOR",
    "PORT",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "RACK_ENV",
    "RAILS_ENV",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "TZ",
];

/// The prefix of locale categories.
const LOCALE: &str = "LC_";
const CATEGORIES: [&str; 13] = [
    "ADDRESS",
    "ALL",
    "COLLATE",
    "CTYPE",
    "IDENTIFICATION",
    "MEASUREMENT",
    "MESSAGES",
    "MONETARY",
    "NAME",
    "NUMERIC",
    "PAPER",
    "TELEPHONE",
    "TIME",
];

/// Whether a variable with this value decides nothing about the code that runs next to the credentials. Names are
/// case-sensitive, as for programs.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let known =
        NAMES.contains(&name) || name.strip_prefix(LOCALE).is_some_and(|category| CATEGORIES.contains(&category));
    known && is_plain_word(value)
}

/// Whether a value is a word that names no file outside the directory where it is looked up: a language, a time zone or
/// a catalogue can be a path, also to one in the workspace.
fn is_plain_word(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.,:=@+-/".contains(c);
    !value.starts_with(['/', '.', ':', '-'])
        && !value.contains("..")
        && !has_absolute_part(value)
        && value.chars().all(plain)
}

/// Whether one of the parts of a list is an absolute path.
fn has_absolute_part(value: &str) -> bool {
    value.split([':', ',', '=', '@']).any(|part| part.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_a_program_speaks_is_harmless() {
        for (name, value) in [
            ("CI", "true"),
            ("NO_COLOR", ""),
            ("LANG", "de_DE.UTF-8@euro"),
            ("LANGUAGE", "de:en"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "Europe/Berlin"),
            ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3"),
            ("RUST_LOG", "hyper::client=debug,info"),
            ("RUST_BACKTRACE", "full"),
            ("NODE_ENV", "test"),
            ("PORT", "8080"),
        ] {
            assert!(is_harmless(name, value), "{name}={value}");
        }
    }

    #[test]
    fn every_other_name_and_every_path_decides_something() {
        for (name, value) in [
            ("BASH_ENV", "x"),
            ("ENV", "x"),
            ("PATH", "bin"),
            ("GIT_SSH_COMMAND", "x"),
            ("PYTHONPATH", "x"),
            ("OPENAI_BASE_URL", "x"),
            ("LOCPATH", "x"),
            ("LC_X", "x"),
            ("lang", "C"),
            ("Ci", "1"),
            ("LANG", "/workspace/x"),
            ("LANG", "./x"),
            ("LANGUAGE", "de:/workspace/x"),
            ("LANGUAGE", "x/../../workspace"),
            ("TZ", ":/workspace/x"),
            ("TZ", ":x"),
            ("CI", "$(id)"),
            ("CI", "a b"),
            ("CI", "\u{202e}x"),
        ] {
            assert!(!is_harmless(name, value), "{name}={value}");
        }
    }
}
