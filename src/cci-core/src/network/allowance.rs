//! What one running container may reach beside its policy, because its person says so.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{BY_NAME, Entry, EntryError, Ports, Target};

/// Such a thing, and until when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Allowance {
    /// What it is about.
    #[serde(with = "text")]
    pub entry: Entry,
    /// When it ends; without this with the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Allowance {
    /// Reads what is allowed: a name or all below one, on the ports whose connections name their host. Without ports it is
    /// about both.
    pub fn of(raw: &str, until: Option<Timestamp>) -> Result<Self, EntryError> {
        let Entry { target, ports } = raw.parse()?;
        let ports = if ports.is_every() { Ports::from(BY_NAME) } else { ports };
        let is_by_name = ports.without(&BY_NAME).is_none() && !matches!(target, Target::Block(_));
        if is_by_name {
            Ok(Self { entry: Entry { target, ports }, until })
        } else {
            Err(EntryError::Fixed(raw.to_owned()))
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(out)?;
        self.until.map_or(Ok(()), |until| write!(out, " until {until:.0}"))
    }
}

/// An entry as its text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Entry;

    pub(super) fn serialize<S: Serializer>(entry: &Entry, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(entry)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Entry, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_allowed_on_the_ports_that_are_judged_by_name() {
        let read = |raw: &str| Allowance::of(raw, None).map(|read| read.to_string());
        assert_eq!(read("A.example"), Ok("a.example:80,443".into()));
        assert_eq!(read("a.example:443"), Ok("a.example:443".into()));
        assert_eq!(read("*.a.example:80"), Ok("*.a.example:80".into()));
        for raw in ["a.example:22", "a.example:443,8443", "198.51.100.1", "198.51.100.0/24:443"] {
            assert_eq!(read(raw), Err(EntryError::Fixed(raw.into())), "{raw}");
        }
        assert!(read("*.com").is_err() && read("10.0.0.1").is_err() && read("a b").is_err());
    }

    #[test]
    fn it_ends_when_it_says_and_is_read_as_it_was_written() {
        let until: Timestamp = "2026-11-28T14:05:00Z".parse().unwrap();
        let one = Allowance::of("a.example:443", Some(until)).unwrap();
        assert_eq!(one.to_string(), "a.example:443 until 2026-11-28T14:05:00Z");
        assert!(one.is_over(until) && !one.is_over("2026-11-28T14:04:59Z".parse().unwrap()));
        let forever = Allowance::of("a.example:443", None).unwrap();
        assert!(!forever.is_over(Timestamp::MAX));
        for allowance in [one, forever] {
            let text = serde_json::to_string(&allowance).unwrap();
            assert_eq!(serde_json::from_str::<Allowance>(&text).unwrap(), allowance, "{text}");
        }
        assert!(serde_json::from_str::<Allowance>(r#"{"entry":"a b"}"#).is_err());
    }
}
