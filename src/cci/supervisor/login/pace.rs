//! How many requests a session makes in a minute, and how often it may provoke something.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The time in which they are counted.
const WITHIN: Duration = Duration::from_secs(60);

/// How soon something is done again that a session may provoke.
const SELDOM: Duration = Duration::from_secs(300);

/// Something that a session may provoke, as by requests that an API refuses: it is not done for each of them.
#[derive(Debug, Default)]
pub(super) struct Seldom(Cell<Option<Instant>>);

impl Seldom {
    /// Whether it may be done now; it counts as done then.
    pub(super) fn may_be(&self) -> bool {
        if self.0.get().is_some_and(|last| last.elapsed() < SELDOM) {
            return false;
        }
        self.0.set(Some(Instant::now()));
        true
    }
}

/// The requests of the last minute.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// Counts one more, if at most `most` are allowed; else how long until one more is.
    pub(super) fn take(&mut self, most: u32) -> Result<(), Duration> {
        if most == 0 {
            return Ok(());
        }
        let now = Instant::now();
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= WITHIN) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(first) if self.0.len() >= most as usize => Err(WITHIN.saturating_sub(now.duration_since(*first))),
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_may_be_provoked_is_done_seldom() {
        let seldom = Seldom::default();
        assert!(seldom.may_be() && !seldom.may_be());
        tokio::time::advance(SELDOM).await;
        assert!(seldom.may_be() && !seldom.may_be());
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_in_a_minute_and_the_next_when_the_first_is_a_minute_old() {
        let mut pace = Pace::default();
        assert!((0..3).all(|_| pace.take(3).is_ok()));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(pace.take(3), Err(Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(pace.take(3).is_ok());
        assert!((0..1000).all(|_| Pace::default().take(0).is_ok()), "no limit");
    }
}
