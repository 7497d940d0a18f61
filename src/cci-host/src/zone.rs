//! The time zone in which times are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::caller::Caller;
use super::zone_name::{self, Places};

/// The caller's zone.
pub struct Zone(TimeZone);

impl Zone {
    /// Determines it.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self(match std::env::var_os("TZ") {
            Some(_) => TimeZone::system(),
            None => local().unwrap_or_else(TimeZone::system),
        })
    }

    /// A time as Incus gives it, in this zone and without fractions.
    #[must_use]
    pub fn shown(&self, rfc3339: &str) -> String {
        match rfc3339.parse::<Timestamp>() {
            Ok(time) => time.to_zoned(self.0.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => rfc3339.to_owned(),
        }
    }
}

/// The zone's name for a container's environment: as set by the caller, else the host's.
#[must_use]
pub fn name(caller: &Caller) -> String {
    let places = Places::of_host(caller.var("TZDIR"));
    zone_name::name(caller.environment.get("TZ").map(String::as_str), &places)
}

/// What `/etc/localtime` contains: by its name jiff would search all time zones, for two milliseconds.
fn local() -> Option<TimeZone> {
    let rules = std::fs::read("/etc/localtime").ok()?;
    TimeZone::tzif("Local", &rules).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_zone_of_the_host() {
        let now = Timestamp::now();
        assert_eq!(Zone::of_this_process().0.to_offset(now), TimeZone::system().to_offset(now));
    }

    #[test]
    fn a_time_loses_its_fraction_and_what_is_not_a_time_stays_as_it_is() {
        let zone = Zone(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(zone.shown("2026-11-20T23:30:15.987654321Z"), "2026-11-21 01:30:15");
        assert_eq!(zone.shown("yesterday"), "yesterday");
    }

    #[test]
    fn what_the_caller_has_set_is_the_name() {
        let caller = Caller::for_test("/home/ann", &[("TZ", "UTC-3")]);
        assert_eq!(name(&caller), "UTC-3");
    }
}
