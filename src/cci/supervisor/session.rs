//! One watched session: its moments are kept one after the other, each in a task of its own that outlives whoever asked.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cci_agent::Turn;
use cci_core::audit::Event;
use cci_core::checkpoint::{Cause, Reference};
use cci_core::error::Error;
use cci_core::hint::hint;
use cci_core::settings::Auto;
use cci_engine::blocking::blocking;
use cci_guest::GuestText;
use cci_guest::agent_socket::{ASK, CREDENTIAL, PATIENCE, REFUSED, TURN_END, TURN_START, WHY};
use cci_host::store::audit::Audits;
use cci_host::store::history::{self, Left};
use cci_host::store::run_dir::{MachineNote, Watched};
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bucket::Bucket;
use super::commands::Commands;
use super::duty::{Duty, Moment, Of, Over, Taken};
use super::egress::{self, Record, Rules};
use super::http::{Answer, Body, answer, refusal};
use super::log::Log;
use super::secret::{self, Vault};
use super::status::WatchedSession;
use super::written;

/// How many moments wait for each other at most.
const WAITING: usize = 8;
/// How long an agent waits for its moment to be over: less than it is ready to.
const AGENT_WAITS: Duration = Duration::from_secs(PATIENCE as u64 - 1);
/// How long the agent's own request may take until it is answered.
const REQUEST_WAITS: Duration = Duration::from_secs(90);
/// How much of the agent's words about a checkpoint is kept.
const MESSAGE: usize = 500;

/// What became of a moment.
type Kept = Result<Taken, Error>;

/// What all sessions share.
pub(super) struct Shared {
    /// Who does the work.
    pub(super) duty: Rc<dyn Duty>,
    /// Where it is told.
    pub(super) log: Rc<Log>,
    /// The secrets that requests of sessions carry.
    pub(super) vault: Rc<Vault>,
    /// The records of what sessions connect to.
    pub(super) audits: Audits,
    /// The work in progress.
    pub(super) work: TaskTracker,
    /// Ends the work in progress.
    pub(super) stop: CancellationToken,
    /// Notified when it is time to look who runs.
    pub(super) changed: Rc<Notify>,
}

/// A session, and what is done for it.
pub(super) struct Session {
    pub(super) watched: Watched,
    pub(super) container: RefCell<String>,
    shared: Rc<Shared>,
    /// What is recorded of it.
    pub(super) record: Record,
    /// What its connections may reach that are judged by name.
    pub(super) rules: OnceCell<Rc<Rules>>,
    commands: Commands,
    /// Held while a moment is kept; whoever waits for it gets it in turn.
    turn: Arc<Mutex<()>>,
    waiting: Cell<usize>,
    taken: Cell<u64>,
    /// Whether it is being rewound, or waits for that.
    rewinding: Cell<bool>,
    bucket: RefCell<Bucket>,
    /// The share of its hook that asks what was refused.
    hooks: RefCell<Bucket>,
    /// The first line of the prompt that the agent works on.
    prompt: RefCell<Option<String>>,
}

impl Session {
    pub(super) fn new(watched: Watched, container: String, shared: Rc<Shared>) -> Rc<Self> {
        let record = Record::begin(watched.session, &shared.audits, &shared.work, &shared.log);
        record.keep(began(&watched));
        Rc::new(Self {
            record,
            rules: OnceCell::new(),
            commands: Commands::from_now(),
            watched,
            container: RefCell::new(container),
            shared,
            turn: Arc::default(),
            waiting: Cell::new(0),
            taken: Cell::new(0),
            rewinding: Cell::new(false),
            bucket: RefCell::new(Bucket::full()),
            hooks: RefCell::new(Bucket::holding(100, Duration::from_millis(50))),
            prompt: RefCell::new(None),
        })
    }

    /// As `status` tells it; `closed` is why no connections are taken in that are judged by name.
    pub(super) fn status(&self, closed: Option<String>) -> WatchedSession {
        WatchedSession {
            session: self.watched.session.to_string(),
            container: self.container.borrow().clone(),
            workspace: self.watched.workspace.to_string_lossy().into_owned(),
            taken: self.taken.get(),
            busy: self.waiting.get() > 0,
            closed,
        }
    }

    fn of(&self) -> Of {
        Of { watched: self.watched.clone(), container: self.container.borrow().clone() }
    }

    fn say(&self, what: impl std::fmt::Display) {
        self.shared.log.say(format_args!("{}: {what}", self.watched.session));
    }

    /// Answers a request of the guest's.
    pub(super) async fn respond(self: Rc<Self>, method: &str, path: &str, body: Body) -> Answer {
        if method == "GET" && path == REFUSED {
            return self.heard();
        }
        if !self.bucket.borrow_mut().take() {
            return refusal(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "too many requests: wait a moment");
        }
        match (method, path) {
            ("POST", TURN_START) => self.turn(Cause::TurnStart, &body).await,
            ("POST", TURN_END) => self.turn(Cause::TurnEnd, &body).await,
            ("POST", CREDENTIAL) => secret::credential(&self.shared.vault, self.watched.secrets.as_ref(), &body).await,
            ("POST", WHY | ASK) => self.of_names(path, &body).await,
            ("POST", "/checkpoint") => self.checkpoint(&body).await,
            ("GET", "/log") => outcome(timeout(REQUEST_WAITS, self.shared.duty.log(self.of())).await),
            ("POST", "/rewind") => self.rewind(&body).await,
            _ => refusal(
                StatusCode::NOT_FOUND,
                "unknown-request",
                "cci answers POST /checkpoint, GET /log and POST /rewind here",
            ),
        }
    }

    /// The agent's hook asks what was refused, after each use of a tool: that takes nothing from its other requests.
    fn heard(&self) -> Answer {
        if !self.hooks.borrow_mut().take() {
            return egress::silent();
        }
        match (self.rules.get(), &self.watched.egress) {
            (Some(rules), Some(note)) => egress::heard(&self.record, rules, &note.container),
            _ => egress::silent(),
        }
    }

    /// The agent asks why something does not get through, or for a host.
    async fn of_names(&self, path: &str, body: &Body) -> Answer {
        match (self.rules.get(), &self.watched.egress) {
            (Some(rules), Some(note)) if path == ASK => egress::ask(&self.record, rules, note, body).await,
            (Some(rules), Some(note)) => egress::why(&self.record, rules, &note.container, body),
            _ => refusal(
                StatusCode::CONFLICT,
                "not-judged",
                "connections of this container are not judged by name: its person sees the rules by `cci network show`",
            ),
        }
    }

    /// The agent says that a turn begins or has ended.
    async fn turn(self: Rc<Self>, cause: Cause, body: &Body) -> Answer {
        if self.watched.checkpoints.auto == Auto::Off {
            return answer(StatusCode::OK, &json!({}));
        }
        let agent = cci_agent::agent(&self.watched.tool);
        let Some(turn) = body.as_far_as_it_goes().and_then(|told| agent.turn(&told)) else {
            return answer(StatusCode::OK, &json!({}));
        };
        let prompt = match cause {
            Cause::TurnStart => {
                self.prompt.borrow_mut().clone_from(&turn.prompt);
                turn.prompt.clone()
            }
            _ => self.prompt.borrow_mut().take(),
        };
        let moment = Moment { cause, prompt, message: None };
        match self.begin(moment, Some(turn)) {
            Some((over, _)) => {
                // nothing that cci does keeps the agent from its work for longer
                let _ = timeout(AGENT_WAITS, over).await;
                answer(StatusCode::OK, &json!({}))
            }
            None => busy(),
        }
    }

    async fn checkpoint(self: Rc<Self>, body: &Body) -> Answer {
        let asked = body.json().unwrap_or_default();
        let message = asked["message"].as_str().map(|text| text.chars().take(MESSAGE).collect());
        let Some((_, done)) = self.begin(Moment { cause: Cause::Agent, prompt: None, message }, None) else {
            return busy();
        };
        match timeout(REQUEST_WAITS, done).await {
            Ok(Ok(Ok(Taken::New(id)))) => answer(StatusCode::OK, &json!({ "id": id, "changed": true })),
            Ok(Ok(Ok(Taken::Unchanged(id)))) => answer(StatusCode::OK, &json!({ "id": id, "changed": false })),
            Ok(Ok(Err(error))) => failed(&error),
            Ok(Err(_)) | Err(_) => late(),
        }
    }

    async fn rewind(self: Rc<Self>, body: &Body) -> Answer {
        let Some(to) = body.json().and_then(|asked| asked["to"].as_str().map(str::to_owned)) else {
            return refusal(StatusCode::BAD_REQUEST, "usage", "say where to: {\"to\": \"ID\"} or {\"to\": \"~1\"}");
        };
        let to = match Reference::parse(&to) {
            Ok(reference) => (reference, to),
            Err(problem) => return refusal(StatusCode::BAD_REQUEST, "usage", &problem),
        };
        if !self.watched.checkpoints.agent_may_rewind {
            return answer(
                StatusCode::FORBIDDEN,
                &json!({ "error": {
                "code": "not-allowed",
                "message": "the agent may not rewind: checkpoints.agent_may_rewind is off; the person can do it",
                "command": format!("cci rewind {}", to.1),
            } }),
            );
        }
        // each would end the agent that the one before has started
        if self.rewinding.replace(true) {
            return busy();
        }
        self.say(format_args!("the agent rewinds to {}", to.1));
        let ((begun, is_begun), (send, done)) = (oneshot::channel(), oneshot::channel());
        let session = Rc::clone(&self);
        self.shared.work.spawn_local(async move {
            let _turn = Arc::clone(&session.turn).lock_owned().await;
            let rewinding = session.shared.duty.rewind(session.of(), to.0, begun, session.shared.stop.clone());
            let done = rewinding.await;
            session.rewinding.set(false);
            match &done {
                Ok(_) => session.say("it is rewound"),
                Err(error) => session.say(format_args!("it is not rewound: {error}")),
            }
            // another container has the session now
            session.shared.changed.notify_one();
            let _ = send.send(done);
        });
        // the agent does not live to see the end
        tokio::select! {
            biased;
            Ok(done) = done => outcome(Ok(done)),
            Ok(()) = is_begun => answer(StatusCode::ACCEPTED, &json!({ "rewinding": true })),
            () = tokio::time::sleep(REQUEST_WAITS) => late(),
        }
    }

    /// Begins to keep a moment; `None` if too many wait already.
    fn begin(
        self: &Rc<Self>,
        moment: Moment,
        turn: Option<Turn>,
    ) -> Option<(oneshot::Receiver<()>, oneshot::Receiver<Kept>)> {
        if self.waiting.get() >= WAITING || self.shared.stop.is_cancelled() || self.shared.work.is_closed() {
            return None;
        }
        self.waiting.set(self.waiting.get() + 1);
        let (over, is_over) = oneshot::channel();
        let (send, done) = oneshot::channel();
        let session = Rc::clone(self);
        self.shared.work.spawn_local(async move {
            let _turn = Arc::clone(&session.turn).lock_owned().await;
            let taken = session.keep(moment, turn, over).await;
            session.waiting.set(session.waiting.get() - 1);
            let _ = send.send(taken);
        });
        Some((is_over, done))
    }

    async fn keep(&self, moment: Moment, turn: Option<Turn>, over: Over) -> Result<Taken, Error> {
        if let (Cause::TurnEnd, Some(turn)) = (moment.cause, turn) {
            let agent = cci_agent::agent(&self.watched.tool);
            written::wait(agent, &self.watched.state, &turn).await;
            for command in self.commands.of(agent, &self.watched.state, &turn).await {
                self.record.keep(command);
            }
            self.share(turn).await;
        }
        let began = tokio::time::Instant::now();
        let word = moment.cause.word();
        let prompt = moment.prompt.as_ref().map(|prompt| format!(" '{prompt}'")).unwrap_or_default();
        let taken = self.shared.duty.take(self.of(), moment, over, self.shared.stop.clone()).await;
        let took = began.elapsed().as_millis();
        match &taken {
            Ok(Taken::New(id)) => {
                self.record.keep(Event::Checkpoint { id: id.to_string(), cause: word.to_owned() });
                self.taken.set(self.taken.get() + 1);
                self.say(format_args!("{word}{prompt}: {id}, {took} ms"));
            }
            Ok(Taken::Unchanged(id)) => self.say(format_args!("{word}{prompt}: nothing changed since {id}, {took} ms")),
            Err(error) => self.say(format_args!("{word}{prompt}: no checkpoint: {error}")),
        }
        taken
    }

    /// Gives the agent on the host what was said in a turn, if the session shares its conversations.
    async fn share(&self, turn: Turn) {
        let (Some(name), Some(dir)) = (turn.transcript, self.watched.state.parent().map(Path::to_owned)) else {
            return;
        };
        let taken = blocking(move || Ok(history::take(&dir, Some(&name)))).await.unwrap_or_default();
        for Left { id, why } in taken.left {
            self.say(format_args!("conversation {} is not copied to the host: {why}", GuestText::new(id)));
        }
    }

    /// Keeps a moment every so many minutes; ends never.
    pub(super) async fn at_intervals(self: Rc<Self>) {
        let minutes = self.watched.checkpoints.interval_minutes;
        if minutes == 0 {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(u64::from(minutes) * 60));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if let Some((_, done)) = self.begin(Moment { cause: Cause::Interval, prompt: None, message: None }, None) {
                // the next one is not due before this one is whole
                let _ = done.await;
            }
        }
    }
}

/// What its record begins with.
fn began(watched: &Watched) -> Event {
    let MachineNote { container, image, network, .. } = &watched.machine;
    Event::Began {
        container: container.clone(),
        workspace: watched.workspace.to_string_lossy().into_owned(),
        agent: watched.tool.clone(),
        image: image.clone(),
        network: network.clone(),
        allowed: watched.egress.as_ref().map(|note| note.allowed.clone()).unwrap_or_default(),
    }
}

fn busy() -> Answer {
    refusal(
        StatusCode::TOO_MANY_REQUESTS,
        "busy",
        "checkpoints of this session are being taken or brought back: try again in a moment",
    )
}

fn late() -> Answer {
    refusal(StatusCode::GATEWAY_TIMEOUT, "timed-out", "it takes longer: `cci-checkpoint log` shows it once it is there")
}

fn failed(error: &Error) -> Answer {
    let body = json!({ "error": { "code": error.code(), "message": error.to_string(), "hint": hint(error) } });
    answer(StatusCode::CONFLICT, &body)
}

fn outcome(done: Result<Result<Value, Error>, tokio::time::error::Elapsed>) -> Answer {
    match done {
        Ok(Ok(value)) => answer(StatusCode::OK, &value),
        Ok(Err(error)) => failed(&error),
        Err(_) => late(),
    }
}
