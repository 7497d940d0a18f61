//! The records of what sessions ran and connected to: shown as they grow, and verified.

use std::path::PathBuf;

use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_host::store::audit::{Audits, Followed};
use cci_host::store::records::{Reader, Recorded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::context::Context;

/// One thing that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// The session.
    pub session: String,
    /// Its container, as far as its record says that.
    pub container: String,
    /// When, in RFC 3339.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened: which fields it has depends on its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct What {
    /// The kind: `began`, `ended`, `opened`, `closed`, `refused`, `asked`, `allowed`, `command`, `checkpoint` or `unwritten`.
    pub event: String,
    /// The name that a connection or a request was for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The address and port that were dialled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The rule that let it through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The secrets that its TLS was ended for, by their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Why it was refused, or why the session ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What was asked for in vain, with the port if that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The bytes that left the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub sent: Option<u64>,
    /// The bytes that came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub received: Option<u64>,
    /// How long a connection or a request lasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub milliseconds: Option<u64>,
    /// How much is not recorded here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub count: Option<u64>,
    /// What the agent asked for, or what the person allowed, and until when.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub entry: String,
    /// Why the agent asked, in its words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The command that the agent ran.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// When, as the agent wrote.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub when: String,
    /// The checkpoint.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// When in the conversation it was taken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// The workspace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workspace: String,
    /// The agent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// The image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The mode of the network.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// What may be reached by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this session, or of the sessions of this container.
    pub name: Option<String>,
    /// Of these kinds; none means all.
    pub kinds: &'static [&'static str],
}

/// Records that are read as they grow.
#[derive(Debug)]
pub struct Log {
    reader: Reader,
    wanted: Wanted,
    /// Whether there is anything of what was named.
    is_known: bool,
}

impl Log {
    /// Those of the caller.
    #[must_use]
    pub fn of(cx: &Context, wanted: Wanted) -> Self {
        let is_known = wanted.name.is_none();
        Self { reader: Reader::of(&Audits::of(&cx.cci_dir())), wanted, is_known }
    }

    /// What is new since the last time, in its order; of more than so much the newest.
    pub async fn more(mut self, most: usize) -> Result<(Self, Vec<Entry>)> {
        blocking(move || {
            let mut found = Vec::new();
            let Self { reader, wanted, is_known } = &mut self;
            let read = reader.more(|recorded| {
                let Some(entry) = of(recorded, wanted.name.as_deref()) else { return };
                *is_known = true;
                if wanted.kinds.is_empty() || wanted.kinds.contains(&entry.what.event.as_str()) {
                    found.push(entry);
                    // not all of it is in memory
                    if found.len() > 2 * most.max(1_000) {
                        newest(&mut found, most);
                    }
                }
            });
            read.map_err(|source| Error::Host { step: "read", path: "the records in ~/.cci/audit".into(), source })?;
            newest(&mut found, most);
            Ok((self, found))
        })
        .await
    }

    /// An error if there is nothing of what was named.
    pub fn refuse_unknown(&self) -> Result<()> {
        match self.wanted.name.as_deref().filter(|_| !self.is_known) {
            None => Ok(()),
            Some(name) => Err(Error::StepFailed {
                step: format!("reading the record of {name}"),
                problem: "there is none".into(),
                hint: Some(
                    "`cci audit show` without a name shows all; a session that no supervisor watches has none".into(),
                ),
            }),
        }
    }
}

fn of(recorded: Recorded, name: Option<&str>) -> Option<Entry> {
    let Recorded { session, container, at, what } = recorded;
    let session = session.to_string();
    let is_meant = name.is_none_or(|name| name == session || name == container);
    let what = is_meant.then(|| serde_json::from_value(what).ok()).flatten()?;
    Some(Entry { session, container, at, what })
}

/// Puts entries of several sessions into the order of time, and keeps the newest.
fn newest(entries: &mut Vec<Entry>, most: usize) {
    entries.sort_by(|one, other| one.at.cmp(&other.at));
    entries.drain(..entries.len().saturating_sub(most));
}

/// Whether records are as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// Whether all of them are.
    pub whole: bool,
    /// Each of them.
    pub records: Vec<VerifiedRecord>,
}

/// Whether one record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerifiedRecord {
    /// The session.
    pub session: String,
    /// How many lines follow one another.
    pub lines: usize,
    /// The first line that does not follow the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BrokenAt")]
    pub broken: Option<BrokenAt>,
    /// Whether what was written last is missing.
    pub cut: bool,
}

/// Where a record does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenAt {
    /// The file.
    pub path: PathBuf,
    /// The line, from one.
    pub line: usize,
}

/// Follows each record of the caller from its first line to its last.
pub async fn verify(cx: &Context) -> Result<Verified> {
    let audits = Audits::of(&cx.cci_dir());
    blocking(move || {
        let failed = |source| Error::Host { step: "read", path: "the records in ~/.cci/audit".into(), source };
        let sessions = audits.sessions().map_err(failed)?;
        let one = |session: SessionId| {
            let (lines, broken, cut) = match audits.follow(session).map_err(failed)? {
                Followed::Whole(lines) => (lines, None, false),
                Followed::Cut(lines) => (lines, None, true),
                Followed::Broken(path, line) => (line - 1, Some(BrokenAt { path, line }), false),
            };
            Ok(VerifiedRecord { session: session.to_string(), lines, broken, cut })
        };
        let records = sessions.into_iter().map(one).collect::<Result<Vec<_>>>()?;
        Ok(Verified { whole: records.iter().all(|record| record.broken.is_none() && !record.cut), records })
    })
    .await
}

#[cfg(test)]
mod tests {
    use cci_core::audit::Event;

    use super::*;
    use crate::testing::World;

    fn began(container: &str) -> Event {
        let (workspace, agent, image, network) = ("/w".into(), "a".into(), "i".into(), "allowlist".into());
        Event::Began {
            container: container.into(),
            workspace,
            agent,
            image,
            network,
            allowed: vec!["a.example".into()],
        }
    }

    fn at(second: u8, event: Event) -> (String, Event) {
        (format!("2026-11-28T09:00:{second:02}.000Z"), event)
    }

    fn refused(host: &str) -> Event {
        Event::Refused { why: format!("no rule allows {host}"), host: Some(host.into()), near: false }
    }

    async fn shown(cx: &Context, name: Option<&str>, kinds: &'static [&'static str], most: usize) -> Vec<String> {
        let log = Log::of(cx, Wanted { name: name.map(str::to_owned), kinds });
        let (_, entries) = log.more(most).await.unwrap();
        entries.iter().map(|entry| format!("{} {}{}", entry.container, entry.what.event, entry.what.host)).collect()
    }

    #[tokio::test]
    async fn what_happened_in_several_sessions_is_in_the_order_of_time() {
        let world = World::new();
        let cx = world.cx();
        assert!(shown(&cx, None, &[], 10).await.is_empty());
        let audits = Audits::of(&cx.cci_dir());
        let [one, two] = [1, 2].map(|number| SessionId::from_random([number; 16]));
        audits.open(one).unwrap().append(&[at(1, began("c1")), at(4, refused("a.example:80"))]).unwrap();
        audits.open(two).unwrap().append(&[at(2, began("c2")), at(3, refused("b.example:80"))]).unwrap();
        let all = ["c1 began", "c2 began", "c2 refusedb.example:80", "c1 refuseda.example:80"];
        assert_eq!(shown(&cx, None, &[], 10).await, all);
        assert_eq!(shown(&cx, None, &[], 1).await, all[3..]);
        assert_eq!(shown(&cx, Some("c2"), &["refused"], 10).await, all[2..3]);
        assert_eq!(shown(&cx, Some(&one.to_string()), &[], 10).await, [all[0], all[3]]);
        let (log, _) = Log::of(&cx, Wanted { name: Some("c3".into()), kinds: &[] }).more(1).await.unwrap();
        assert!(log.refuse_unknown().is_err());
        let (log, _) = Log::of(&cx, Wanted { name: Some("c1".into()), kinds: &["closed"] }).more(1).await.unwrap();
        log.refuse_unknown().unwrap();
        audits.open(one).unwrap().append(&[at(5, Event::Ended { why: "x".into() })]).unwrap();
        let (_, new) = log.more(9).await.unwrap();
        assert!(new.is_empty(), "it is of another kind");
    }

    #[tokio::test]
    async fn a_record_that_was_changed_is_named_with_its_line() {
        let world = World::new();
        let cx = world.cx();
        let audits = Audits::of(&cx.cci_dir());
        let [one, two] = [1, 2].map(|number| SessionId::from_random([number; 16]));
        for session in [one, two] {
            audits
                .open(session)
                .unwrap()
                .append(&[at(1, began("c")), at(2, refused("a.example")), at(3, began("c"))])
                .unwrap();
        }
        let verified = verify(&cx).await.unwrap();
        assert!(verified.whole && verified.records.iter().all(|record| record.lines == 3), "{verified:?}");
        let path = cx.cci_dir().join(format!("audit/{two}.jsonl"));
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace("a.example\"", "b.example\"")).unwrap();
        let verified = verify(&cx).await.unwrap();
        assert!(!verified.whole);
        let broken = verified.records.iter().find_map(|record| record.broken.clone()).unwrap();
        assert_eq!((broken.path, broken.line), (path, 2));
        let path = cx.cci_dir().join(format!("audit/{one}.jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.split_inclusive('\n').take(2).collect::<String>()).unwrap();
        let cut = verify(&cx).await.unwrap().records.into_iter().find(|record| record.cut).unwrap();
        assert_eq!((cut.session, cut.lines), (one.to_string(), 2));
    }
}
