//! The daemon's event stream: what happens to instances, how operations progress.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Client,
    error::{Error, Result},
    operation::info::OperationInfo,
    request::Request,
    url,
    websocket::{self, Socket},
    wire::null_is_default,
};

const READ_BUFFER: usize = 16 * 1024;
const WHAT: &str = "read events";

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// Something was created, started, stopped, changed, deleted.
    Lifecycle,
    /// An operation has started, progressed or ended.
    Operation,
    /// A line of the daemon's log.
    Logging,
    /// A kind unknown to this client.
    Other(String),
}

impl EventKind {
    fn word(&self) -> &str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Operation => "operation",
            Self::Logging => "logging",
            Self::Other(word) => word,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it is about.
    pub kind: EventKind,
    /// The project; empty for the server as a whole.
    pub project: String,
    /// RFC 3339.
    pub timestamp: String,
    /// The event itself.
    pub body: EventBody,
}

/// The part of an event that differs by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// See [`EventKind::Lifecycle`].
    Lifecycle(Lifecycle),
    /// See [`EventKind::Operation`].
    Operation(OperationInfo),
    /// A log line or an unknown kind, unchanged.
    Other(Value),
}

/// A change of an object.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Lifecycle {
    /// `instance-started`, `instance-shutdown`, `image-created`, …
    pub action: String,
    /// The object's path, with `?project=` unless it is the default one.
    pub source: String,
    /// Details that depend on the action.
    #[serde(deserialize_with = "null_is_default")]
    pub context: BTreeMap<String, Value>,
    /// The object's name, if the server sends it.
    pub name: String,
}

impl Lifecycle {
    /// The name of the instance that the event is about; `None` if it is about something else.
    #[must_use]
    pub fn instance(&self) -> Option<String> {
        let path = self.source.split('?').next()?;
        let name = path.strip_prefix("/1.0/instances/")?.split('/').next()?;
        url::decoded(name).filter(|name| !name.is_empty())
    }
}

/// An open event stream. A reader that is too slow is disconnected by the server, never silently starved.
pub struct Events {
    socket: Socket,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// The next event; `None` when the server has ended the stream. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(parse(text.as_bytes())),
                Ok(Message::Binary(bytes)) => return Some(parse(&bytes)),
                Ok(_) => {}
                Err(source) => return Some(Err(Error::lost(WHAT, source))),
            }
        }
    }
}

impl Client {
    /// Subscribes to events of this project, or of all (`GET /1.0/events`).
    ///
    /// Subscribe before starting what you want to see. The stream begins a moment after this returns, so also query
    /// once afterwards for what must not be missed.
    pub async fn events(&self, kinds: &[EventKind], all_projects: bool) -> Result<Events> {
        let socket = websocket::connect(self, subscribe(kinds, all_projects), READ_BUFFER).await?;
        Ok(Events { socket })
    }
}

fn subscribe(kinds: &[EventKind], all_projects: bool) -> Request {
    let kinds: Vec<&str> = kinds.iter().map(EventKind::word).collect();
    let request = Request::get(["events"], WHAT).with("type", kinds.join(","));
    if all_projects { request.of_the_server().with("all-projects", "true") } else { request }
}

/// The shape common to all events.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    metadata: Value,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Event> {
    let unreadable = |source| Error::protocol(WHAT, source);
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(unreadable)?;
    let (kind, body) = match envelope.kind.as_str() {
        "lifecycle" => {
            (EventKind::Lifecycle, EventBody::Lifecycle(serde_json::from_value(envelope.metadata).map_err(unreadable)?))
        }
        "operation" => {
            (EventKind::Operation, EventBody::Operation(serde_json::from_value(envelope.metadata).map_err(unreadable)?))
        }
        "logging" => (EventKind::Logging, EventBody::Other(envelope.metadata)),
        _ => (EventKind::Other(envelope.kind), EventBody::Other(envelope.metadata)),
    };
    Ok(Event { kind, project: envelope.project, timestamp: envelope.timestamp, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::near::mutated;
    use proptest::prelude::*;

    fn about(source: &str) -> Option<String> {
        Lifecycle { source: source.into(), ..Lifecycle::default() }.instance()
    }

    #[test]
    fn the_instance_of_a_lifecycle_event_is_named() {
        assert_eq!(about("/1.0/instances/c1?project=p").as_deref(), Some("c1"));
        assert_eq!(about("/1.0/instances/c1/snapshots/s").as_deref(), Some("c1"));
        assert_eq!(about("/1.0/images/abc"), None);
        assert_eq!(about("/1.0/instances/"), None);
    }

    const STARTED: &str = r#"{"type":"lifecycle","project":"p","timestamp":"2026-11-21T03:45:11Z","location":"none",
        "metadata":{"action":"instance-started","source":"/1.0/instances/c1?project=p","context":null}}"#;

    #[test]
    fn an_event_is_read_by_its_kind() {
        let event = parse(STARTED.as_bytes()).unwrap();
        assert_eq!((event.kind, event.project.as_str()), (EventKind::Lifecycle, "p"));
        let EventBody::Lifecycle(lifecycle) = event.body else { panic!("not a lifecycle event") };
        assert_eq!(lifecycle.action, "instance-started");
    }

    #[test]
    fn a_subscription_names_kinds_and_reach() {
        let kinds = [EventKind::Lifecycle, EventKind::Operation];
        assert_eq!(subscribe(&kinds, false).target("p"), "/1.0/events?type=lifecycle%2Coperation&project=p");
        assert_eq!(subscribe(&kinds, true).target("p"), "/1.0/events?type=lifecycle%2Coperation&all-projects=true");
    }

    proptest! {
        #[test]
        fn what_is_read_of_an_event_is_in_it(event in mutated(STARTED)) {
            if let Ok(read) = parse(event.to_string().as_bytes()) {
                prop_assert_eq!(read.kind.word(), event["type"].as_str().unwrap());
                prop_assert_eq!(read.project, event["project"].as_str().unwrap_or_default());
                if let EventBody::Lifecycle(lifecycle) = read.body {
                    prop_assert_eq!(&lifecycle.action, event["metadata"]["action"].as_str().unwrap_or_default());
                    let named = event["metadata"]["source"].as_str().is_some_and(|source| source.contains("/c1"));
                    prop_assert_eq!(lifecycle.instance().is_some(), named);
                }
            }
        }

        #[test]
        fn no_source_makes_it_panic(source in "(/1.0/instances/)?.*") {
            let _ = about(&source);
        }
    }
}
