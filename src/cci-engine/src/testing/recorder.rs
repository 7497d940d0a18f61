//! Keeps what a use-case reports.

use std::sync::Mutex;

use crate::event::Event;
use crate::reporter::Reporter;

/// Each event in the text of its type.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(super) fn reported(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reporter for Recorder {
    fn emit(&self, event: Event) {
        if !matches!(event, Event::Progress(_) | Event::Idle) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
}
