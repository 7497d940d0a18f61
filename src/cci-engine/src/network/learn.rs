//! `network learn`: the least allowlist with which what containers asked for would have got through.

use std::collections::BTreeSet;

use cci_core::network::{HostName, Learned, Learning, Odd};
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_host::store::audit::Audits;
use cci_host::store::records::{Reader, Recorded};

use crate::blocking::blocking;
use crate::context::Context;

/// What was learned.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Learnt {
    /// The entries.
    pub hosts: Vec<LearntHost>,
    /// How much was refused that named no host, which no entry can allow.
    pub nameless: u64,
    /// How much more there was that was not recorded.
    pub unwritten: u64,
}

/// One entry of an allowlist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct LearntHost {
    /// The name and its port.
    pub entry: String,
    /// How often it was asked for.
    pub times: u64,
    /// What looks odd about it: `random`, `paste`, `near` or `once`.
    pub odd: Vec<&'static str>,
    /// Whether it should be looked at before it is allowed.
    pub suspect: bool,
}

impl From<Learned> for LearntHost {
    fn from(learned: Learned) -> Self {
        let Learned { entry, times, odd } = learned;
        let suspect = odd.iter().copied().any(Odd::is_suspect);
        Self { entry: entry.to_string(), times, odd: odd.into_iter().map(Odd::word).collect(), suspect }
    }
}

/// Reads it from the records of the sessions that learned, or of one container or session, whatever its mode.
pub async fn learn(cx: &Context, name: Option<&str>) -> Result<Learnt> {
    let (mut reader, wanted) = (Reader::of(&Audits::of(&cx.cci_dir())), name.map(str::to_owned));
    let found = blocking(move || {
        let mut found = Found::default();
        let read = reader.more(|recorded| found.add(&recorded, wanted.as_deref()));
        read.map_err(|source| Error::Host { step: "read", path: "the records in ~/.cci/audit".into(), source })?;
        Ok(found)
    });
    let Found { learning, nameless, unwritten, is_known, .. } = found.await?;
    if let Some(name) = name.filter(|_| !is_known) {
        return Err(Error::StepFailed {
            step: format!("reading the record of {name}"),
            problem: "there is none".into(),
            hint: Some(
                "`cci network learn` without a name reads all sessions that were started with `--network learn`".into(),
            ),
        });
    }
    Ok(Learnt { hosts: learning.least().into_iter().map(LearntHost::from).collect(), nameless, unwritten })
}

#[derive(Default)]
struct Found {
    learning: Learning,
    nameless: u64,
    unwritten: u64,
    is_known: bool,
    /// The sessions that learn, as far as their records say so.
    learns: BTreeSet<SessionId>,
}

impl Found {
    fn add(&mut self, recorded: &Recorded, wanted: Option<&str>) {
        let Recorded { session, container, what, .. } = recorded;
        let text = |key: &str| what[key].as_str().unwrap_or_default();
        if text("event") == "began" && text("network") == "learn" {
            self.learns.insert(*session);
        }
        let is_wanted = match wanted {
            Some(wanted) => wanted == container || wanted == session.to_string(),
            None => self.learns.contains(session),
        };
        if !is_wanted {
            return;
        }
        self.is_known = true;
        match text("event") {
            "opened" => {
                let port = text("address").rsplit_once(':').and_then(|(_, port)| port.parse().ok());
                if let (Ok(name), Some(port)) = (HostName::typed(text("name")), port) {
                    self.learning.saw(name, port);
                }
            }
            "refused" if what["host"].is_null() => self.nameless += 1,
            "refused" if what["near"] == true => {
                if let Ok(name) = HostName::typed(text("host")) {
                    self.learning.led_near(name);
                }
            }
            "unwritten" => {
                self.unwritten = self.unwritten.saturating_add(what["count"].as_u64().unwrap_or_default());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use cci_core::audit::Event;

    use super::*;
    use crate::testing::World;

    fn began(container: &str, network: &str) -> Event {
        let (workspace, agent, image) = ("/w".into(), "a".into(), "i".into());
        Event::Began { container: container.into(), workspace, agent, image, network: network.into(), allowed: vec![] }
    }

    fn opened(name: &str, port: u16) -> Event {
        Event::Opened {
            name: name.into(),
            address: format!("198.51.100.1:{port}"),
            rule: "every name".into(),
            secrets: Vec::new(),
        }
    }

    fn entries(learnt: &Learnt) -> Vec<(&str, u64)> {
        learnt.hosts.iter().map(|host| (host.entry.as_str(), host.times)).collect()
    }

    #[tokio::test]
    async fn it_is_what_the_sessions_that_learned_asked_for() {
        let world = World::new();
        let cx = world.cx();
        assert_eq!(learn(&cx, None).await.unwrap(), Learnt::default());
        let audits = Audits::of(&cx.cci_dir());
        let put = |number: u8, events: Vec<Event>| {
            let events: Vec<_> = events.into_iter().map(|event| ("2026-11-28T09:00:00Z".to_owned(), event)).collect();
            audits.open(SessionId::from_random([number; 16])).unwrap().append(&events).unwrap();
        };
        let nameless = Event::Refused { why: "the request names no host".into(), host: None, near: false };
        let near = |host: &str| Event::Refused { why: "x".into(), host: Some(host.into()), near: true };
        let unwritten = Event::Unwritten { count: 3 };
        put(1, vec![began("c1", "learn"), opened("a.example", 443), opened("a.example", 443), nameless, unwritten]);
        put(2, vec![began("c2", "allowlist"), opened("b.example", 80)]);
        put(3, vec![began("c3", "learn"), opened("9f86d081884c7d65.example.com", 443)]);
        let learnt = learn(&cx, None).await.unwrap();
        assert_eq!(entries(&learnt), [("9f86d081884c7d65.example.com:443", 1), ("a.example:443", 2)]);
        assert_eq!((learnt.hosts[0].suspect, learnt.hosts[1].suspect), (true, false));
        assert_eq!((learnt.nameless, learnt.unwritten), (1, 3));
        assert_eq!(entries(&learn(&cx, Some("c2")).await.unwrap()), [("b.example:80", 1)]);
        assert!(learn(&cx, Some("c4")).await.is_err());
        // what leads to the local network is flagged, and a count that nobody can have written ends nothing
        put(
            5,
            vec![
                began("c5", "learn"),
                near("nas.example"),
                Event::Unwritten { count: u64::MAX },
                Event::Unwritten { count: 9 },
            ],
        );
        let learnt = learn(&cx, Some("c5")).await.unwrap();
        assert_eq!((entries(&learnt), learnt.unwritten), (vec![("nas.example:80,443", 1)], u64::MAX));
        assert_eq!((&learnt.hosts[0].odd[..], learnt.hosts[0].suspect), (&["near"][..], true));
    }
}
