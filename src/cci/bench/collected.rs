//! The samples of a measurement, by row and by what they are samples of.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use super::row::{Row, Who};
use super::subjects::{BY_NAME, SUBJECTS};

/// How often a round measures what takes a tenth of a second or less: the machine's own unrest is as large.
pub(super) const OFTEN: u32 = 5;

/// What was measured so far.
pub(super) struct Collected {
    wanted: Vec<String>,
    kept: Cell<bool>,
    samples: RefCell<BTreeMap<(&'static str, Who), Vec<f64>>>,
    problems: RefCell<BTreeMap<&'static str, String>>,
}

impl Collected {
    /// Nothing yet; only these rows are wanted, or all that need no name if none is named.
    pub(super) fn of(wanted: Vec<String>) -> Self {
        Self { wanted, kept: Cell::new(true), samples: RefCell::default(), problems: RefCell::default() }
    }

    /// Whether one of these rows is wanted and has not failed.
    pub(super) fn wants(&self, keys: &[&'static str]) -> bool {
        keys.iter().any(|key| self.is_asked_for(key) && !self.problems.borrow().contains_key(key))
    }

    fn is_asked_for(&self, key: &str) -> bool {
        if self.wanted.is_empty() { !BY_NAME.contains(&key) } else { self.wanted.iter().any(|wanted| wanted == key) }
    }

    /// Begins a round; the first one only warms up what later ones find warm.
    pub(super) fn begin(&self, round: u32) {
        self.kept.set(round > 0);
    }

    /// Notes how long something took.
    pub(super) fn took(&self, key: &'static str, who: Who, took: Duration) {
        self.add(key, who, took.as_secs_f64() * 1000.0);
    }

    /// Notes a number in the row's unit.
    pub(super) fn add(&self, key: &'static str, who: Who, number: f64) {
        if self.kept.get() {
            self.samples.borrow_mut().entry((key, who)).or_default().push(number);
        }
    }

    /// Notes why rows have no figure.
    pub(super) fn failed(&self, keys: &[&'static str], problem: &str) {
        for key in keys {
            self.problems.borrow_mut().insert(key, problem.to_owned());
        }
    }

    /// The rows that are wanted.
    pub(super) fn rows(&self) -> Vec<Row> {
        let samples = self.samples.borrow();
        let of = |key: &'static str, who| samples.get(&(key, who)).map(Vec::as_slice).unwrap_or_default();
        let rows = SUBJECTS.iter().filter(|subject| self.is_asked_for(subject.key)).map(|subject| {
            let problem = self.problems.borrow().get(subject.key).cloned();
            let [cci, floor, incus] = [Who::Cci, Who::Floor, Who::Incus].map(|who| of(subject.key, who));
            Row::new(subject, cci, floor, incus, problem)
        });
        rows.collect()
    }
}
