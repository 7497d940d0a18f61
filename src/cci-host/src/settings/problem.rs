//! Errors in a file, with their places.

use std::fmt;
use std::path::{Path, PathBuf};

use cci_core::Error;
use cci_guest::GuestText;

/// A place in a file, counted from 1 as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte of the text.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// One error in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    pub(crate) place: Option<Place>,
    pub(crate) text: String,
    /// Whether the file is closed to this user.
    pub(super) is_closed: bool,
}

impl Problem {
    /// An error of the file as a whole.
    pub(super) fn of_file(file: &Path, text: impl Into<String>) -> Self {
        Self::at(file, None, text)
    }

    /// An error at a place of a file.
    pub(super) fn at(file: &Path, place: Option<Place>, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place, text: text.into(), is_closed: false }
    }

    /// A file or directory that this user cannot read.
    pub(super) fn closed(file: &Path) -> Self {
        Self { is_closed: true, ..Self::of_file(file, "this user cannot read it") }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", GuestText::new(&self.file))?;
        if let Some(Place { line, column }) = self.place {
            write!(out, "{line}:{column}:")?;
        }
        write!(out, " {}", GuestText::new(&self.text))
    }
}

/// All errors as one, a line each.
pub(super) fn as_error(problems: &[Problem]) -> Error {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let closed = problems.iter().find(|problem| problem.is_closed);
    let hint = closed.map_or_else(
        || "see `cci config schema` for every key, or `cci config init`".to_owned(),
        // no word of `chown`: a project's file can be a link of an agent's
        |closed| format!("see its owner and mode with `ls -ld {}`", GuestText::new(&closed.file)),
    );
    Error::Config { problem: lines.join("\n  "), hint: Some(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\nü = 2\n";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, 6), Place { line: 2, column: 1 });
        assert_eq!(Place::of(text, 8), Place { line: 2, column: 2 });
        assert_eq!(Place::of(text, 999), Place { line: 3, column: 1 });
    }
}
