//! Retries what Incus refuses for a moment: one policy, with growing pauses.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first failure; each later one is twice as long.
const FIRST: Duration = Duration::from_millis(20);
/// No pause is longer.
const LONGEST: Duration = Duration::from_millis(200);

/// When to give up.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Tries(u32),
    Until(Instant),
}

/// The tries of one thing.
#[derive(Debug)]
pub struct Retry {
    limit: Limit,
    failures: u32,
}

impl Retry {
    /// At most this many tries.
    #[must_use]
    pub fn up_to(tries: u32) -> Self {
        Self { limit: Limit::Tries(tries), failures: 0 }
    }

    /// As many tries as begin within this time.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self { limit: Limit::Until(Instant::now() + time), failures: 0 }
    }

    /// Notes that a try failed, and pauses before the next one; false if there is none.
    pub async fn again(&mut self, step: &str, why: &dyn fmt::Display) -> bool {
        self.failures += 1;
        let pause = FIRST.saturating_mul(1 << (self.failures - 1).min(8)).min(LONGEST);
        let another = match self.limit {
            Limit::Tries(tries) => self.failures < tries,
            Limit::Until(end) => Instant::now() + pause < end,
        };
        if another {
            tracing::info!(step, %why, pause_ms = pause.as_millis(), "trying again");
            tokio::time::sleep(pause).await;
        }
        another
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The milliseconds after which each try begins.
    async fn tries(mut retry: Retry) -> Vec<u128> {
        let began = Instant::now();
        let mut begins = vec![0];
        while retry.again("test", &"it fails").await {
            begins.push(began.elapsed().as_millis());
        }
        begins
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_and_the_last_failure_waits_for_nothing() {
        assert_eq!(tries(Retry::up_to(1)).await, [0]);
        assert_eq!(tries(Retry::up_to(7)).await, [0, 20, 60, 140, 300, 500, 700]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_try_begins_after_the_time() {
        assert_eq!(tries(Retry::within(Duration::ZERO)).await, [0]);
        assert_eq!(tries(Retry::within(Duration::from_millis(350))).await, [0, 20, 60, 140, 300]);
        let long = tries(Retry::within(Duration::from_secs(60))).await;
        assert!(long.len() == 303 && long.last().is_some_and(|last| *last < 60_000), "{}", long.len());
    }
}
