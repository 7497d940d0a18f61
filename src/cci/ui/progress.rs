//! The spinner and the bar on stderr, shown on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use cci_engine::reporter::Progress;

/// At most one moving line.
pub(crate) struct Bar {
    shown: bool,
    line: Option<ProgressBar>,
}

impl Bar {
    /// `shown` is false where nobody looks.
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown, line: None }
    }

    /// Shows a step on the spinner; false where there is none, so that the caller writes a line instead.
    pub(crate) fn step(&mut self, text: &str) -> bool {
        if self.shown {
            self.line(None).set_message(text.to_owned());
        }
        self.shown
    }

    /// Shows how far something is, or removes what is shown.
    pub(crate) fn show(&mut self, progress: Option<Progress>) {
        match progress {
            Some(progress) if self.shown => {
                let line = self.line(progress.total);
                line.set_message(progress.text);
                line.set_position(progress.done);
            }
            Some(_) => {}
            None => {
                if let Some(line) = self.line.take() {
                    line.finish_and_clear();
                }
            }
        }
    }

    /// Writes something above the moving line.
    pub(crate) fn suspended(&mut self, write: impl FnOnce()) {
        match &self.line {
            Some(line) => line.suspend(write),
            None => write(),
        }
    }

    fn line(&mut self, total: Option<u64>) -> &ProgressBar {
        let template = if total.is_some() {
            "{spinner} {msg} {bytes}/{total_bytes} {bytes_per_sec}"
        } else {
            "{spinner} {msg} ({elapsed})"
        };
        let line = self.line.get_or_insert_with(|| {
            let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style);
        }
        if let Some(total) = total {
            line.set_length(total);
        }
        line
    }
}
