//! Work that the server has taken on: `/1.0/operations`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, at};
use crate::error::{Error, Result};
use crate::event::{Event, EventKind};
use crate::reply::Reply;
use crate::request::{Method, Request};

/// An operation under way.
#[derive(Debug, Clone)]
pub struct Operation {
    client: Client,
    id: String,
    metadata: Value,
}

/// How an operation ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The operation's own metadata (an image's fingerprint, a command's status).
    pub metadata: Value,
}

/// How far an operation is, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// `rootfs: 34% (12.30MB/s)`, say.
    pub text: String,
}

/// What the server lists of an operation.
#[derive(Debug, Clone, Deserialize)]
struct View {
    id: String,
    #[serde(default)]
    resources: Option<BTreeMap<String, Option<Vec<String>>>>,
}

impl Operation {
    /// `path` is `/1.0/operations/<id>`, with or without a query.
    pub(crate) fn new(client: Client, path: &str, metadata: Value) -> Self {
        let last = path.rsplit('/').next().unwrap_or_default();
        let id = last.split('?').next().unwrap_or_default().to_owned();
        Self { client, id, metadata }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the server said of it when it took it on.
    #[must_use]
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Waits for the end: `GET /1.0/operations/<id>/wait`, without a `timeout`, which 6.0 answers with an error.
    ///
    /// `step` names the wait in errors. At the deadline the server goes on working, and the error says so.
    pub async fn wait(&self, step: &str, limit: Duration) -> Result<Done> {
        let request = Request::get(format!("/1.0/operations/{}/wait", self.id));
        match tokio::time::timeout(limit, self.client.reply(request, None)).await {
            Err(_) => {
                Err(Error::TimedOut { step: step.to_owned(), after: limit, still_running: self.is_running().await })
            }
            Ok(Err(Error::Refused { code: 404, .. })) => {
                Err(Error::Failed { step: step.to_owned(), message: "the server no longer knows the operation".into() })
            }
            Ok(Err(Error::Refused { message, .. })) => Err(Error::Failed { step: step.to_owned(), message }),
            Ok(Err(error)) => Err(error),
            Ok(Ok((Reply::Sync(metadata), _))) => self.ended(step, &metadata),
            Ok(Ok(_)) => Err(Error::Protocol { call: step.to_owned(), problem: "no operation in the answer".into() }),
        }
    }

    /// A server that answers 200 may still report a failed operation in the body.
    fn ended(&self, step: &str, view: &Value) -> Result<Done> {
        let failed = at(view, &["err"]).as_str().filter(|message| !message.is_empty());
        match failed {
            Some(message) => Err(Error::Failed { step: step.to_owned(), message: message.to_owned() }),
            None => Ok(Done { metadata: at(view, &["metadata"]).clone() }),
        }
    }

    /// Waits and tells how far it is; the events are subscribed to before the wait begins.
    pub async fn wait_with_progress(
        &self,
        step: &str,
        limit: Duration,
        mut tell: impl FnMut(&Progress),
    ) -> Result<Done> {
        let mut events = self.client.events(&[EventKind::Operation], false).await?;
        let end = self.wait(step, limit);
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                done = &mut end => return done,
                Some(event) = events.next() => {
                    if let Some(progress) = event.ok().and_then(|event| self.progress(&event)) {
                        tell(&progress);
                    }
                }
                else => return end.await,
            }
        }
    }

    fn progress(&self, event: &Event) -> Option<Progress> {
        if at(&event.metadata, &["id"]).as_str() != Some(&self.id) {
            return None;
        }
        let own = at(&event.metadata, &["metadata"]).as_object()?;
        let text = own.iter().find(|(key, _)| key.ends_with("_progress"))?.1.as_str()?;
        Some(Progress { text: text.to_owned() })
    }

    /// Whether the server still works on it.
    async fn is_running(&self) -> bool {
        let view = self.client.value::<Value>(Request::get(format!("/1.0/operations/{}", self.id))).await;
        view.is_ok_and(|view| at(&view, &["status_code"]).as_u64().is_some_and(|code| code < 200))
    }

    /// The operation as the server has it now; it is forgotten about five seconds after its end.
    pub async fn look(&self) -> Result<Value> {
        self.client.value(Request::get(format!("/1.0/operations/{}", self.id))).await
    }

    /// Asks the server to stop it: `DELETE /1.0/operations/<id>`. Many cannot be cancelled.
    pub async fn cancel(&self) -> Result<()> {
        self.client.done(Request::new(Method::DELETE, format!("/1.0/operations/{}", self.id))).await
    }
}

impl Client {
    /// The operations under way on an instance: `GET /1.0/operations?recursion=1`.
    pub async fn operations_on_instance(&self, name: &str) -> Result<Vec<Operation>> {
        let request = Request::get("/1.0/operations").with("recursion", "1");
        let by_state: BTreeMap<String, Option<Vec<View>>> = self.value(request).await?;
        let suffix = format!("/instances/{name}");
        let concerns = |view: &View| {
            let paths = view.resources.iter().flat_map(BTreeMap::values).flatten().flatten();
            paths.map(|path| path.split('?').next().unwrap_or_default()).any(|path| path.ends_with(&suffix))
        };
        let running = by_state.into_iter().filter(|(state, _)| matches!(state.as_str(), "running" | "pending"));
        Ok(running
            .flat_map(|(_, views)| views.unwrap_or_default())
            .filter(concerns)
            .map(|view| Operation::new(self.clone(), &view.id, Value::Null))
            .collect())
    }
}
