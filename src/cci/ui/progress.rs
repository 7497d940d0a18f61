//! The spinner and the bar on stderr, shown on a terminal only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use cci_engine::event::Amount;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// What the moving line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// What is in progress.
    pub(super) text: String,
    /// How much of it is done.
    pub(super) amount: Amount,
}

/// At most one moving line.
pub(super) struct Bar {
    target: Option<fn() -> ProgressDrawTarget>,
    line: Option<ProgressBar>,
}

impl Bar {
    /// `shown` is false where nobody looks.
    pub(super) fn new(shown: bool) -> Self {
        Self { target: shown.then_some(ProgressDrawTarget::stderr), line: None }
    }

    /// Shows a step on the spinner; false where there is none, so that the caller writes a line instead.
    pub(super) fn step(&mut self, text: &str) -> bool {
        self.show(Some(Progress { text: text.to_owned(), amount: Amount::Unknown }));
        self.target.is_some()
    }

    /// Shows how far something is, or removes what is shown.
    pub(super) fn show(&mut self, progress: Option<Progress>) {
        match (progress, self.target) {
            (Some(progress), Some(target)) => {
                let line = self.line.get_or_insert_with(|| {
                    let line = ProgressBar::with_draw_target(None, target());
                    line.enable_steady_tick(TICK);
                    line
                });
                set(line, progress);
            }
            (Some(_), None) => {}
            (None, _) => {
                if let Some(line) = self.line.take() {
                    line.finish_and_clear();
                }
            }
        }
    }

    /// Writes something above the moving line.
    pub(super) fn suspended(&mut self, write: impl FnOnce()) {
        match &self.line {
            Some(line) => line.suspend(write),
            None => write(),
        }
    }

    fn pause(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }

    fn resume(&mut self) {
        if let Some(line) = &self.line {
            let position = line.position();
            line.reset();
            line.set_position(position);
            line.enable_steady_tick(TICK);
        }
    }
}

/// The bar, even if a thread panicked while it held the lock.
pub(super) fn locked(bar: &Mutex<Bar>) -> MutexGuard<'_, Bar> {
    bar.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hides the moving line for as long as it lives.
pub(super) struct Paused<'a>(&'a Mutex<Bar>);

impl<'a> Paused<'a> {
    pub(super) fn new(bar: &'a Mutex<Bar>) -> Self {
        locked(bar).pause();
        Self(bar)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        locked(self.0).resume();
    }
}

fn set(line: &ProgressBar, Progress { text, amount }: Progress) {
    let (template, done, total) = match amount {
        Amount::Unknown => ("{spinner} {msg} ({elapsed})", 0, None),
        Amount::Bytes { done, total: None } => ("{spinner} {msg} {bytes} {bytes_per_sec}", done, None),
        Amount::Bytes { done, total: Some(total) } => {
            ("{spinner} {msg} {bar:20} {bytes}/{total_bytes} {bytes_per_sec}", done, Some(total))
        }
        Amount::Steps { done, total } => ("{spinner} {pos}/{len} {msg} ({elapsed})", done, Some(total)),
        Amount::Percent(percent) => ("{spinner} {msg} {bar:20}", u64::from(percent), Some(100)),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style);
    }
    match total {
        Some(total) => line.set_length(total),
        None => line.unset_length(),
    }
    line.set_position(done);
    line.set_message(text);
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike};

    use super::*;

    fn progress(text: &str, amount: Amount) -> Progress {
        Progress { text: text.to_owned(), amount }
    }

    /// A bar whose screen can be read; it is drawn when it changes and does not turn.
    fn bar(screen: &InMemoryTerm) -> Bar {
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let line = ProgressBar::with_draw_target(None, target);
        Bar { target: Some(ProgressDrawTarget::hidden), line: Some(line) }
    }

    #[test]
    fn known_totals_are_shown_and_unknown_ones_are_not_made_up() {
        for (amount, want) in [
            (Amount::Bytes { done: 1 << 20, total: Some(4 << 20) }, "1.00 MiB/4.00 MiB"),
            (Amount::Bytes { done: 3 << 20, total: None }, "3.00 MiB"),
            (Amount::Steps { done: 2, total: 7 }, "2/7 apt"),
            (Amount::Percent(50), "█████"),
        ] {
            let screen = InMemoryTerm::new(4, 100);
            let mut bar = bar(&screen);
            bar.show(Some(progress("apt", amount)));
            let shown = screen.contents();
            assert!(shown.contains(want) && shown.contains("apt"), "{amount:?}: {shown:?}");
            assert_eq!(shown.contains('/'), !matches!(amount, Amount::Percent(_)), "{shown:?}");
        }
    }

    #[test]
    fn a_question_has_the_screen_to_itself_and_the_line_comes_back() {
        let screen = InMemoryTerm::new(4, 100);
        let bar = Mutex::new(bar(&screen));
        locked(&bar).show(Some(progress("packing", Amount::Steps { done: 1, total: 3 })));
        assert!(screen.contents().contains("1/3 packing"));
        let paused = Paused::new(&bar);
        assert_eq!(screen.contents(), "");
        screen.write_line("Do this?").unwrap();
        locked(&bar).show(Some(progress("unpacking", Amount::Steps { done: 2, total: 3 })));
        assert_eq!(screen.contents(), "Do this?");
        drop(paused);
        locked(&bar).line.as_ref().unwrap().tick();
        assert!(screen.contents().starts_with("Do this?") && screen.contents().contains("2/3 unpacking"));
    }

    #[test]
    fn nothing_moves_where_nobody_looks() {
        let mut bar = Bar::new(false);
        assert!(!bar.step("wait"));
        bar.show(Some(progress("x", Amount::Percent(1))));
        assert!(bar.line.is_none());
    }
}
