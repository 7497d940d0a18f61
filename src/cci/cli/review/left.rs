//! What is said when a session is left: nothing, or in a few lines what it left, and the command that shows it.

use futures_util::future::join_all;

use super::super::verb::Call;
use super::words::{how, path};
use crate::ui::count::count;
use cci_engine::checkpoint::review::at_end::at_end;
use cci_engine::checkpoint::review::look::Found;
use cci_engine::context::Context;

/// So many findings, or sessions, are named: with the lines around them there are ten.
const NAMED: usize = 7;

/// Says what the session of a container left.
pub(in crate::cli) async fn tell(call: &Call<'_>, cx: &Context, name: &str) {
    tell_of_all(call, cx, std::slice::from_ref(&name)).await;
}

/// The same of several: then only how much each left.
pub(in crate::cli) async fn tell_of_all(call: &Call<'_>, cx: &Context, names: &[impl AsRef<str>]) {
    if call.flags.quiet {
        return;
    }
    let looks =
        names.iter().map(|name| async move { Some((name.as_ref(), at_end(cx, name.as_ref()).await?.findings)) });
    let left: Vec<(&str, Vec<Found>)> = join_all(looks).await.into_iter().flatten().collect();
    match left.as_slice() {
        [] => {}
        [(name, findings)] => {
            call.terminal.warn(&of_one(findings));
            call.terminal.hint(&format!("look at it with `cci review {name}`"));
        }
        several => {
            call.terminal.warn(&of_several(several));
            call.terminal.hint("look at each with `cci review NAME`");
        }
    }
}

fn of_one(findings: &[Found]) -> String {
    let number = count(findings.len(), "thing", "things");
    let lines = findings.iter().map(|one| format!("{}: {} ({})", one.finding.sink, path(one), how(one.finding.how)));
    listed(format!("the session left {number} that would run on this host, or change what runs"), lines)
}

fn of_several(several: &[(&str, Vec<Found>)]) -> String {
    let lines = several.iter().map(|(name, findings)| format!("{name}: {}", count(findings.len(), "thing", "things")));
    listed("these sessions left something that would run on this host, or change what runs".to_owned(), lines)
}

fn listed(head: String, lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(NAMED);
    let mut all: Vec<String> = std::iter::once(head).chain(lines.take(NAMED)).collect();
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_the_hint_there_are_ten_lines_at_most() {
        let lines = |number: usize| listed("head".into(), (0..number).map(|n| n.to_string())).lines().count();
        assert_eq!([0, 1, 7, 8, 1000].map(lines), [1, 2, 8, 9, 9]);
    }
}
