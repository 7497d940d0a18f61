//! How often a guest may do something: a bucket of tokens that fills again with time.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of one guest's share.
#[derive(Debug)]
pub(super) struct Bucket {
    /// When it will be, or was, full.
    full_at: Instant,
    /// How many come at once at most.
    most: u32,
    /// How long one more takes to be allowed.
    each: Duration,
}

impl Bucket {
    /// A full one for requests that cci answers.
    pub(super) fn full() -> Self {
        Self::holding(30, Duration::from_millis(250))
    }

    /// A full one with so many tokens, which come back one by one.
    pub(super) fn holding(most: u32, each: Duration) -> Self {
        Self { full_at: Instant::now(), most, each }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        let full_at = self.full_at.max(now) + self.each;
        let allowed = full_at <= now + self.each * self.most;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_then_as_many_as_time_brings() {
        let mut bucket = Bucket::full();
        let taken = |bucket: &mut Bucket| (0..1_000).filter(|_| bucket.take()).count();
        assert_eq!(taken(&mut bucket), 30);
        tokio::time::advance(Duration::from_millis(750)).await;
        assert_eq!(taken(&mut bucket), 3);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(&mut bucket), 30, "it never holds more");
    }
}
