//! What happens on the server, as it happens: `GET /1.0/events`.

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, at};
use crate::error::{Error, Result};
use crate::request::Request;
use crate::websocket::{self, Socket};

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Objects come, change and go.
    Lifecycle,
    /// Operations begin, progress and end.
    Operation,
    /// The server's log.
    Logging,
    /// The server's OVN log.
    NetworkAcl,
}

impl EventKind {
    fn word(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Operation => "operation",
            Self::Logging => "logging",
            Self::NetworkAcl => "network-acl",
        }
    }
}

/// One event.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// RFC 3339.
    #[serde(default)]
    pub timestamp: String,
    /// The project it happened in.
    #[serde(default)]
    pub project: String,
    /// What happened, by kind.
    #[serde(default)]
    pub metadata: Value,
}

impl Event {
    /// For a lifecycle event: what happened (`instance-shutdown`) and to what (`/1.0/instances/c1`).
    #[must_use]
    pub fn lifecycle(&self) -> Option<(&str, &str)> {
        let action = at(&self.metadata, &["action"]).as_str()?;
        Some((action, at(&self.metadata, &["source"]).as_str()?))
    }
}

/// The events since the subscription.
pub struct Events {
    socket: Socket,
}

impl Client {
    /// Subscribes. Do so **before** starting what shall be waited for, or its end can be missed.
    pub async fn events(&self, kinds: &[EventKind], all_projects: bool) -> Result<Events> {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let mut request = Request::get("/1.0/events").with("type", words.join(","));
        if all_projects {
            request = request.with("all-projects", "true");
        }
        Ok(Events { socket: websocket::connect(self, request).await? })
    }
}

impl Events {
    /// The next event; `None` when the server has closed the stream. Kinds this crate does not know are passed over.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => {
                    if let Ok(event) = serde_json::from_str(text.as_str()) {
                        return Some(Ok(event));
                    }
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(Error::Broken(error.into()))),
            }
        }
    }
}
