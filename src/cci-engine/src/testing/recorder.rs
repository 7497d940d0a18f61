//! Keeps what a person would be told.

use std::sync::Mutex;

use cci_core::Result;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};

use crate::reporter::{Answer, Progress, Reporter};

/// Nobody is asked anything.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(super) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, kind: &str, text: &str) {
        self.0.lock().unwrap().push(format!("{kind}: {text}"));
    }
}

impl Reporter for Recorder {
    fn step(&self, scope: &str, text: &str) {
        self.keep(scope, text);
    }

    fn note(&self, line: &str) {
        self.keep("note", line);
    }

    fn warn(&self, line: &str) {
        self.keep("warning", line);
    }

    fn hint(&self, line: &str) {
        self.keep("hint", line);
    }

    fn progress(&self, _: Option<Progress>) {}

    fn confirm<'a>(&'a self, _: &'a str) -> LocalBoxFuture<'a, Result<Answer>> {
        ready(Ok(Answer::NoTerminal)).boxed_local()
    }

    fn choose<'a>(&'a self, _: &'a str, _: &'a [String]) -> LocalBoxFuture<'a, Result<Option<usize>>> {
        ready(Ok(None)).boxed_local()
    }
}
