//! The zone that times are shown in.

use std::sync::LazyLock;

use jiff::tz::TimeZone;

static ZONE: LazyLock<TimeZone> = LazyLock::new(|| match std::env::var_os("TZ") {
    Some(_) => TimeZone::system(),
    None => local().unwrap_or_else(TimeZone::system),
});

/// The caller's zone.
pub fn zone() -> TimeZone {
    ZONE.clone()
}

/// What `/etc/localtime` says: by its name jiff would look for it among all zones there are, for two milliseconds.
fn local() -> Option<TimeZone> {
    let rules = std::fs::read("/etc/localtime").ok()?;
    TimeZone::tzif("Local", &rules).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn it_is_the_zone_of_the_host() {
        let now = Timestamp::now();
        assert_eq!(zone().to_offset(now), TimeZone::system().to_offset(now));
    }
}
