//! Reports to the user how far an operation of Incus is.

use cci_incus::Progress as Said;

use crate::context::Context;
use crate::event::{Activity, Amount, Progress};

/// Reports an operation's progress, under the activity that it is part of.
pub(crate) fn incus_progress(cx: &Context, activity: Activity) -> impl FnMut(&Said) {
    move |said| cx.emit(progress(&activity, said))
}

/// The percentage if Incus gives one, else its own words.
fn progress(activity: &Activity, said: &Said) -> Progress {
    match said.percent {
        Some(percent) => Progress { activity: activity.clone(), amount: Amount::Percent(percent) },
        None => Progress { activity: Activity::Incus { words: said.text.clone() }, amount: Amount::Unknown },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_activity_and_everything_else_is_told_in_the_words_of_incus() {
        let said = |text: &str, percent| progress(&Activity::PublishImage, &Said { text: text.into(), percent });
        let bar = Progress { activity: Activity::PublishImage, amount: Amount::Percent(45) };
        assert_eq!(said("rootfs: 45% (12.34MB/s)", Some(45)), bar);
        let words = Activity::Incus { words: "Unpacking image".into() };
        assert_eq!(said("Unpacking image", None), Progress { activity: words, amount: Amount::Unknown });
    }
}
