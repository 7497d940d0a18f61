//! What Incus says about how far an operation is, on its way to the person.

use cci_incus::Progress as Said;

use crate::context::Context;
use crate::reporter::{Amount, Progress};

/// Shows what an operation of Incus's says of its progress, under the step that it is a part of.
pub(crate) fn incus_progress<'a>(cx: &'a Context, step: &'a str) -> impl FnMut(&Said) + 'a {
    move |said| cx.reporter.progress(Some(shown(step, said)))
}

/// The share where Incus gives one, else its own words.
fn shown(step: &str, said: &Said) -> Progress {
    match said.percent {
        Some(percent) => Progress { text: step.to_owned(), amount: Amount::Percent(percent) },
        None => Progress { text: said.text.clone(), amount: Amount::Unknown },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_bar_and_everything_else_is_told_in_the_words_of_incus() {
        let said = |text: &str, percent| shown("create", &Said { text: text.into(), percent });
        let bar = Progress { text: "create".into(), amount: Amount::Percent(45) };
        assert_eq!(said("rootfs: 45% (12.34MB/s)", Some(45)), bar);
        let words = Progress { text: "Unpacking image".into(), amount: Amount::Unknown };
        assert_eq!(said("Unpacking image", None), words);
    }
}
