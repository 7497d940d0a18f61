//! What is to go wrong, and with which call.

use std::time::Duration;

use serde_json::Value;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is refused.
    Refuse {
        /// The API's code.
        code: u16,
        /// Incus's sentence.
        sentence: String,
    },
    /// Its operation fails.
    Fail {
        /// The API's code.
        code: u16,
        /// Incus's sentence.
        sentence: String,
    },
    /// It is answered late.
    Delay(Duration),
    /// It never arrives.
    Lose,
    /// It is done and not answered.
    Cut,
    /// Somebody else puts this object at this path before it is done, or removes what is there.
    Meanwhile {
        /// The path, as [`super::Daemon::put`] has it.
        path: String,
        /// What is there from then on.
        object: Option<Value>,
    },
}

/// A method and a path, with `*` for any one segment.
#[derive(Debug, Clone)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(call: &str) -> Self {
        Self(call.to_owned())
    }

    pub(super) fn matches(&self, call: &str) -> bool {
        let (mut wanted, mut seen) = (self.0.split('/'), call.split('/'));
        loop {
            match (wanted.next(), seen.next()) {
                (None, None) => return true,
                (Some(wanted), Some(seen)) if wanted == "*" || wanted == seen => {}
                _ => return false,
            }
        }
    }
}

/// The faults that have not come yet.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Pattern, usize, Fault)>);

impl Faults {
    pub(super) fn add(&mut self, pattern: Pattern, nth: usize, fault: Fault) {
        self.0.push((pattern, nth, fault));
    }

    /// The fault of this call. Each fault comes once.
    pub(super) fn of(&mut self, call: &str) -> Option<Fault> {
        for (_, left, _) in self.0.iter_mut().filter(|(pattern, ..)| pattern.matches(call)) {
            *left = left.saturating_sub(1);
        }
        let due = self.0.iter().position(|(pattern, left, _)| *left == 0 && pattern.matches(call))?;
        Some(self.0.remove(due).2)
    }
}
