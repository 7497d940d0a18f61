//! Work that goes on in the daemon after the call: waiting for it with a name and a deadline, and cancelling it.

use std::{collections::BTreeMap, time::Duration};

use cci_incus_types::OperationKind;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::{
    client::Client,
    error::{Error, Result},
    progress::Progress,
    request::Request,
    status::Status,
    wire::null_is_default,
};

/// How long to ask what became of an operation whose deadline has passed.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What Incus says about an operation.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OperationInfo {
    /// A UUID.
    pub id: String,
    /// What it does, in Incus's words: `Executing command`.
    pub description: String,
    /// RFC 3339.
    pub created_at: String,
    /// Where it stands.
    pub status_code: Status,
    /// What it is about: kind → paths (`instances` → `/1.0/instances/c1`).
    #[serde(deserialize_with = "null_is_default")]
    pub resources: BTreeMap<String, Vec<String>>,
    /// Secrets of its websockets, its progress, its result.
    pub metadata: Value,
    /// Whether it can be cancelled now.
    pub may_cancel: bool,
    /// Why it failed; empty if it did not.
    pub err: String,
}

impl OperationInfo {
    fn instances(&self) -> impl Iterator<Item = &str> {
        let paths = self.resources.values().flatten().map(|path| path.split('?').next().unwrap_or_default());
        paths.filter_map(|path| path.strip_prefix("/1.0/instances/")).filter(|name| !name.contains('/'))
    }
}

/// A piece of work that the daemon does, with the client to follow it.
#[derive(Debug, Clone)]
pub struct Operation {
    client: Client,
    info: OperationInfo,
}

/// The result of an operation that has succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What the operation left: `return` of an exec, `fingerprint` of an image.
    pub metadata: Value,
}

impl Operation {
    pub(crate) fn new(client: Client, info: OperationInfo) -> Self {
        Self { client, info }
    }

    /// Its UUID.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        OperationKind::recognize(&self.info.description)
    }

    /// What it is about: kind → paths.
    #[must_use]
    pub fn resources(&self) -> &BTreeMap<String, Vec<String>> {
        &self.info.resources
    }

    /// The names of the instances that it is about.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        self.info.instances()
    }

    /// Everything that was known when it was started or read.
    #[must_use]
    pub fn info(&self) -> &OperationInfo {
        &self.info
    }

    /// Waits for the end (`GET /1.0/operations/ID/wait`).
    ///
    /// A failure is [`Error::Operation`], the passed deadline [`Error::TimedOut`]; then the operation goes on unless
    /// it is cancelled. Dropping the wait leaves the operation alone.
    pub async fn wait(&self, step: &'static str, limit: Duration) -> Result<Done> {
        self.wait_named(step, limit).await
    }

    /// Waits for the end and tells of the progress that Incus reports on the way.
    pub async fn wait_with_progress(
        &self,
        step: &'static str,
        limit: Duration,
        mut tell: impl FnMut(&Progress),
    ) -> Result<Done> {
        let ended = self.wait_named(step, limit);
        tokio::pin!(ended);
        tokio::select! {
            biased;
            ended = &mut ended => return ended,
            () = self.follow(&mut tell) => {}
        }
        // without events the wait goes on in silence
        ended.await
    }

    /// Asks Incus to stop the work (`DELETE /1.0/operations/ID`); refused if it cannot be cancelled.
    pub async fn cancel(&self) -> Result<()> {
        self.client.settle(&cancel(self.id())).await
    }

    /// The operation as it is now.
    pub(crate) async fn reread(&self) -> Result<Self> {
        self.client.operation(self.id()).await
    }

    pub(crate) async fn wait_named(&self, step: &str, limit: Duration) -> Result<Done> {
        let span = tracing::debug_span!("wait", step, operation = self.id());
        let wait = async {
            match timeout(limit, self.end(step)).await {
                Ok(ended) => ended,
                Err(_) => self.late(step, limit).await,
            }
        };
        wait.instrument(span).await
    }

    /// Waits for the end, however long it takes; the body of the answer decides, since a failure arrives as HTTP 200.
    pub(crate) async fn end(&self, step: &str) -> Result<Done> {
        loop {
            let info = match self.client.read_unhurried::<OperationInfo>(&wait(self.id(), step)).await {
                Ok(info) => info,
                Err(error) => return Err(error.of_operation(step)),
            };
            if info.status_code.is_final() {
                return outcome(step, info);
            }
        }
    }

    /// What to say once the deadline has passed: the end, if it came in this moment, else whether the work goes on.
    async fn late(&self, step: &str, after: Duration) -> Result<Done> {
        let late = |still_running| Err(Error::TimedOut { step: step.to_owned(), after, still_running });
        match timeout(LAST_LOOK, self.reread()).await {
            Ok(Ok(found)) if found.info.status_code.is_final() => outcome(step, found.info),
            Ok(Err(error)) if error.is_not_found() => late(false),
            _ => late(true),
        }
    }

    /// Tells of each progress event of this operation until there are no more events.
    async fn follow(&self, tell: &mut impl FnMut(&Progress)) {
        let Ok(mut events) = self.client.events(&[crate::EventKind::Operation], false).await else {
            return;
        };
        while let Some(event) = events.next().await {
            let Ok(crate::Event { body: crate::EventBody::Operation(info), .. }) = event else {
                continue;
            };
            if info.id == self.id()
                && let Some(progress) = Progress::of(&info.metadata)
            {
                tell(&progress);
            }
        }
    }
}

impl Client {
    /// All operations of the project that Incus still remembers (`GET /1.0/operations`).
    pub async fn operations(&self) -> Result<Vec<Operation>> {
        let by_status: BTreeMap<String, Vec<OperationInfo>> = self.read(&list()).await?;
        Ok(by_status.into_values().flatten().map(|info| Operation::new(self.clone(), info)).collect())
    }

    /// One operation (`GET /1.0/operations/ID`); Incus forgets it about five seconds after its end.
    pub async fn operation(&self, id: &str) -> Result<Operation> {
        Ok(Operation::new(self.clone(), self.read(&get(id)).await?))
    }
}

fn outcome(step: &str, info: OperationInfo) -> Result<Done> {
    match info.status_code {
        Status::Success => Ok(Done { metadata: info.metadata }),
        code => Err(failed(step, u16::try_from(u32::from(code)).unwrap_or(500), info.err)),
    }
}

fn failed(step: &str, code: u16, message: String) -> Error {
    Error::Operation { step: step.to_owned(), code, message }
}

fn list() -> Request {
    Request::get(["operations"], "list operations").with("recursion", "1")
}

fn get(id: &str) -> Request {
    Request::get(["operations", id], format!("read operation {id}"))
}

/// Never with `timeout=`: 6.0.4 answers that with an error 500 when the time is up.
fn wait(id: &str, step: &str) -> Request {
    Request::get(["operations", id, "wait"], format!("wait for the end of '{step}'"))
}

fn cancel(id: &str) -> Request {
    Request::delete(["operations", id], format!("cancel operation {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_no_timeout_of_its_own() {
        assert_eq!(wait("x", "the start").target("default"), "/1.0/operations/x/wait?project=default");
    }

    #[test]
    fn an_end_that_is_no_success_is_an_error() {
        let info = OperationInfo { status_code: Status::Failure, err: "No".into(), ..OperationInfo::default() };
        let error = outcome("the start", info).unwrap_err();
        assert_eq!(error.to_string(), "the start failed: No");
    }

    #[test]
    fn the_instances_are_named_by_their_paths() {
        let paths =
            ["/1.0/instances/c1?project=p", "/1.0/instances/c2", "/1.0/instances/c3/snapshots/s", "/1.0/images/x"];
        let resources = [("any".to_owned(), paths.map(str::to_owned).to_vec())].into();
        let info = OperationInfo { resources, ..OperationInfo::default() };
        assert_eq!(info.instances().collect::<Vec<_>>(), ["c1", "c2"]);
    }

    #[test]
    fn lists_that_are_null_are_empty() {
        let info: OperationInfo = serde_json::from_str(r#"{"id":"x","resources":null,"metadata":null}"#).unwrap();
        assert!(info.resources.is_empty() && info.metadata.is_null());
    }
}
