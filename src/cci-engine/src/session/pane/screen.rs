//! What the screen of a pane says about the agent in it.

use std::time::Duration;

use cci_agent::{Agent, Shown, known};
use cci_guest::GuestText;
use cci_guest::pane::{SHELL, Seen};
use tokio::time::Instant;

/// How long a screen must stay the same before cci acts on what it shows.
pub(super) const STEADY: Duration = Duration::from_millis(500);
/// The same for a screen that cci cannot read.
pub(super) const QUIET: Duration = Duration::from_millis(1500);
/// How many of the last lines of a screen are shown.
const LAST: usize = 8;

/// How to read the agent's screen.
pub(super) enum Reading {
    /// It is a shell, which accepts anything.
    Shell,
    /// By the rules of this agent.
    By(&'static dyn Agent, fn(&str) -> Shown),
    /// Nothing is known of it.
    Quiet,
}

/// A screen, and since when it is the same.
pub(super) struct Steady {
    shown: String,
    since: Instant,
}

impl Steady {
    pub(super) fn new() -> Self {
        Self { shown: String::new(), since: Instant::now() }
    }

    /// How long it has been this.
    pub(super) fn age(&mut self, shown: &str) -> Duration {
        if self.shown != shown {
            (self.shown, self.since) = (shown.to_owned(), Instant::now());
        }
        self.since.elapsed()
    }
}

pub(super) fn reading(seen: &Seen) -> Reading {
    match known(&seen.screen).and_then(|agent| Some((agent, agent.screen()?))) {
        _ if seen.screen == SHELL => Reading::Shell,
        Some((agent, shown)) => Reading::By(agent, shown),
        None => Reading::Quiet,
    }
}

/// What stands at the prompt, where there is one.
pub(super) fn at_prompt(seen: &Seen) -> Option<String> {
    match reading(seen) {
        Reading::By(_, shown) => match shown(&seen.shown) {
            Shown::Prompt(typed) => Some(typed),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn begins_alike(one: &str, other: &str) -> bool {
    const ENOUGH: usize = 8;
    !one.is_empty() && one.chars().take(ENOUGH).eq(other.chars().take(ENOUGH))
}

pub(super) fn is_blank(screen: &str) -> bool {
    screen.trim().is_empty()
}

/// The last lines of a screen that are not empty, without the prompt of the shell after the agent.
pub(super) fn last_lines(screen: &str) -> String {
    let mut lines: Vec<&str> = screen.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    if lines.last().is_some_and(|line| line.ends_with('$') || line.ends_with('#')) {
        lines.pop();
    }
    let from = lines.len().saturating_sub(LAST);
    GuestText::lines(lines[from..].join("\n")).to_string()
}
