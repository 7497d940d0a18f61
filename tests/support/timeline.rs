//! Reads the timeline that `--timing` prints.

use std::ops::Range;

use super::host::Output;

/// From when to when the requests lasted in whose lines this text is, in milliseconds since the start of the command.
pub fn spans<'a>(out: &'a Output, request: &'a str) -> impl DoubleEndedIterator<Item = Range<f64>> {
    out.stderr.lines().filter(move |line| line.contains(request)).map(|line| {
        let number = |nth| line.split_whitespace().nth(nth).and_then(|word| word.parse::<f64>().ok());
        let (at, took) = number(1).zip(number(2)).unwrap_or_else(|| panic!("no line of a timeline: {line}"));
        at..at + took
    })
}

/// The first of them.
#[track_caller]
pub fn span(out: &Output, request: &str) -> Range<f64> {
    spans(out, request).next().unwrap_or_else(|| panic!("{request}: {out}"))
}
