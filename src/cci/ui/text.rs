//! Text for people on its way to stdout: whole lines, none of which can fake another or steer the terminal.

use std::fmt::Display;

use cci_guest::GuestText;

/// What a verb prints, line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// One line.
    pub(crate) fn one(line: impl Display) -> Self {
        Self::default().with(line)
    }

    /// The lines of a text, such as a document.
    pub(crate) fn block(text: impl AsRef<[u8]>) -> Self {
        Self(GuestText::lines(text.as_ref()).to_string())
    }

    /// The same with one more line.
    pub(crate) fn with(mut self, line: impl Display) -> Self {
        self.line(line);
        self
    }

    /// Adds a line: a line break in it is escaped.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.0.push_str(&shown(line));
        self.0.push('\n');
    }

    /// Adds the lines of another text.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Display> FromIterator<T> for Text {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        lines.into_iter().fold(Self::default(), Self::with)
    }
}

/// One line, safe to show.
pub(crate) fn shown(line: impl Display) -> String {
    GuestText::new(line.to_string()).to_string()
}

/// Several lines, all but the first indented: none of them can be taken for a line of cci's own.
pub(crate) fn indented(lines: impl Display) -> String {
    let shown = GuestText::lines(lines.to_string()).to_string();
    shown
        .split('\n')
        .enumerate()
        .map(|(at, line)| if at == 0 { line.to_owned() } else { format!("\n  {}", line.trim_start()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_makes_no_second_one() {
        let text = Text::one("Workspace: /x\nerror: \x1b[2J").with("end");
        assert_eq!(text.as_str(), "Workspace: /x\\nerror: \\u{1b}[2J\nend\n");
    }

    #[test]
    fn further_lines_are_set_in() {
        assert_eq!(indented("cannot\n  read\nerror: \x1bx"), "cannot\n  read\n  error: \\u{1b}x");
    }
}
