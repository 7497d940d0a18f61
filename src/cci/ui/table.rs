//! Tables without lines: columns under headings, no wider than the terminal they are shown on.

#![expect(clippy::disallowed_methods, reason = "asked for its width only")]

use std::io::{self, IsTerminal};
use std::ops::Range;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::peaker::Priority;
use tabled::settings::{Alignment, Padding, Style, Width};

use super::text::{Text, shown};

/// The spaces between two columns.
const GAP: usize = 2;

/// The rows under their headings; on a terminal the widest column is wrapped to fit, in a pipe none is.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Text {
    let rows = rows.into_iter().map(|row| row.map(shown));
    Text::block(shaped(headings, rows, terminal_width()))
}

/// Rows of numbers after their names: the columns of `numbers` are right-aligned, and no line is wrapped.
pub(crate) fn figures(
    headings: impl IntoIterator<Item = &'static str>,
    rows: impl IntoIterator<Item = Vec<String>>,
    numbers: Range<usize>,
) -> Text {
    let mut builder = Builder::default();
    builder.push_record(headings);
    for row in rows {
        builder.push_record(row.into_iter().map(shown));
    }
    let mut table = builder.build();
    table.with(Style::blank()).modify(Columns::new(numbers), Alignment::right());
    table.to_string().lines().map(str::trim_end).collect()
}

fn shaped<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let mut builder = Builder::default();
    builder.push_record(headings);
    for row in rows {
        builder.push_record(row);
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, GAP, 0, 0));
    if let Some(width) = width {
        table.with(Width::wrap(width).priority(Priority::max(true)));
    }
    let padded = table.to_string();
    let lines: Vec<&str> = padded.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The columns of the terminal on stdout.
fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use cci_guest::text::is_unseen;
    use proptest::prelude::*;

    use super::*;

    fn two_images(width: Option<usize>) -> String {
        let row = |name: &str, text: &str| [name.to_owned(), text.to_owned()];
        shaped(["ALIAS", "DESCRIPTION"], [row("cci", "made of words that go on"), row("cci-é", "")], width)
    }

    #[test]
    fn columns_stand_under_their_headings() {
        assert_eq!(two_images(None), "ALIAS  DESCRIPTION\ncci    made of words that go on\ncci-é\n");
    }

    proptest! {
        #[test]
        fn no_cell_steers_the_terminal_or_makes_a_row(cells in prop::collection::vec(any::<[String; 2]>(), 0..4)) {
            let rows = cells.len();
            let table = table(["WORKSPACE", "IMAGE"], cells);
            prop_assert!(table.as_str().chars().all(|c| c == '\n' || !is_unseen(c)), "{:?}", table.as_str());
            prop_assert_eq!(table.as_str().lines().count(), rows + 1);
        }
    }

    #[test]
    fn a_narrow_terminal_breaks_lines_and_loses_nothing() {
        let narrow = two_images(Some(20));
        assert!(narrow.lines().all(|line| line.chars().count() <= 20), "{narrow}");
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        assert_eq!(letters(&narrow), letters(&two_images(None)));
    }
}
