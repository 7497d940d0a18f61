//! Waits for the event itself, with a deadline and a name.

use std::time::{Duration, Instant};

/// Looks until `look` finds something; panics with `what` and the last state when it is too late.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= end => panic!("{what}: not within {limit:?}; last seen:\n{seen}"),
            Err(_) => pause(),
        }
    }
}

/// The interval between two looks; a wait is over when what it waits for is there, never when a time has passed.
#[expect(clippy::disallowed_methods, reason = "the one place that paces a poll")]
fn pause() {
    std::thread::sleep(Duration::from_millis(40));
}
