//! Work that goes on in the daemon after the call: waiting for it with a name and a deadline, and cancelling it.

pub(crate) mod info;

use std::{collections::BTreeMap, time::Duration};

use cci_incus_types::OperationKind;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use tracing::Instrument as _;

pub use info::OperationInfo;

use crate::{
    client::{ANSWER_LIMIT, Client, parse, whole},
    error::{Error, Result},
    progress::Progress,
    reply::Reply,
    request::Request,
    status::Status,
    transport::Payload,
};

/// How long to ask what became of an operation whose deadline has passed.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// A piece of work that the daemon does, with the client to follow it.
///
/// ```no_run
/// use std::time::Duration;
///
/// use cci_incus::{Client, Error, Refusal, StateChange};
///
/// # async fn example(client: Client) -> cci_incus::Result<()> {
/// let operation = client.change_state("c1", &StateChange::start()).await?;
/// match operation.wait("start the container", Duration::from_secs(30)).await {
///     Err(error) if error.refusal() == Refusal::AddressTaken => println!("another has its address"),
///     Err(Error::TimedOut { still_running: true, .. }) => operation.cancel().await?,
///     ended => drop(ended?),
/// }
/// # Ok(())
/// # }
/// ```
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
    /// Makes a change that goes on as an operation.
    pub(crate) async fn start(&self, request: &Request) -> Result<Operation> {
        let (_, body) = self.ask(request, Some(ANSWER_LIMIT)).await?;
        self.started(request, &body)?
            .ok_or_else(|| Error::protocol(&request.what, "it was done at once, without an operation"))
    }

    /// Makes a change that is done when the answer comes, or, if the server prefers an operation, when that ends.
    pub(crate) async fn settle(&self, request: &Request) -> Result<()> {
        let (_, body) = self.ask(request, Some(ANSWER_LIMIT)).await?;
        match self.started(request, &body)? {
            None => Ok(()),
            Some(operation) => operation.wait_named(&request.what, ANSWER_LIMIT).await.map(drop),
        }
    }

    /// Sends a stream; the answer starts an operation.
    pub(crate) async fn upload(&self, request: &Request, payload: Payload) -> Result<Operation> {
        let answer = self.send(request, payload, None).await?;
        let body = whole(request, answer).await?;
        self.started(request, &body)?
            .ok_or_else(|| Error::protocol(&request.what, "it was done at once, without an operation"))
    }

    /// The operation that a change has become; `None` if the change is done.
    fn started(&self, request: &Request, body: &[u8]) -> Result<Option<Operation>> {
        match parse(request, body)? {
            Reply::Error { code, message } => Err(Error::refused(request, code, message)),
            Reply::Sync { .. } => Ok(None),
            Reply::Async { metadata } => OperationInfo::deserialize(metadata)
                .map(|info| Some(Operation::new(self.clone(), info)))
                .map_err(|source| Error::protocol(&request.what, source)),
        }
    }

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
}
