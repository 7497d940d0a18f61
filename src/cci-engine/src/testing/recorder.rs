//! Keeps the events of a use-case.

use std::sync::Mutex;

use crate::event::Event;
use crate::reporter::Reporter;

/// Each event as `Debug` has it; how far something is, is left out.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(super) fn told(&self) -> Vec<String> {
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
