//! Faults, and the calls they affect.

use std::time::Duration;

use serde_json::Value;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is refused.
    Refuse {
        /// The API's code.
        code: u16,
        /// Incus's message.
        sentence: String,
    },
    /// Its operation fails.
    Fail {
        /// The API's code.
        code: u16,
        /// Incus's message.
        sentence: String,
    },
    /// It is answered late.
    Delay(Duration),
    /// It never arrives.
    Lose,
    /// It is done but not answered.
    Cut,
    /// Somebody else stores this object at this path before it is done, or removes the existing one.
    Meanwhile {
        /// The path, as in [`super::Daemon::put`].
        path: String,
        /// The object from then on.
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

/// The pending faults.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Pattern, usize, Fault)>);

impl Faults {
    pub(super) fn add(&mut self, pattern: Pattern, nth: usize, fault: Fault) {
        self.0.push((pattern, nth, fault));
    }

    /// The fault of this call. Each fault happens once.
    pub(super) fn of(&mut self, call: &str) -> Option<Fault> {
        for (_, left, _) in self.0.iter_mut().filter(|(pattern, ..)| pattern.matches(call)) {
            *left = left.saturating_sub(1);
        }
        let due = self.0.iter().position(|(pattern, left, _)| *left == 0 && pattern.matches(call))?;
        Some(self.0.remove(due).2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_own_call_and_comes_once() {
        let mut faults = Faults::default();
        for _ in 0..2 {
            faults.add(Pattern::new("PUT /a/*"), 1, Fault::Lose);
        }
        faults.add(Pattern::new("PUT /a/b"), 2, Fault::Cut);
        let came: Vec<_> =
            ["PUT /a/b", "GET /a/b", "PUT /a/c", "PUT /a/b", "PUT /a/b"].map(|call| faults.of(call)).into();
        assert_eq!(came, [Some(Fault::Lose), None, Some(Fault::Lose), Some(Fault::Cut), None]);
    }
}
