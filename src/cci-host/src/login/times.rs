//! The times of a login: milliseconds since 1970.

use jiff::Timestamp;

/// Now.
#[must_use]
pub fn now() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// As a time; none for one that no calendar has.
#[must_use]
pub fn timestamp(at: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()
}
