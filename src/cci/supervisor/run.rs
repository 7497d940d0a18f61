//! The supervisor's own process, from its start to its end.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cci_core::Result;
use cci_host::store::audit::Audits;
use cci_host::store::put::host;
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ask::Ask;
use super::build::Build;
use super::control::{self, Control, Ended};
use super::door::Door;
use super::duty::Duty;
use super::ensure::HANDS_OVER;
use super::house::House;
use super::http;
use super::lock::{self, Lock};
use super::log::Log;
use super::login::{Apart, Logins, Renews};
use super::place::Place;
use super::presence::{Lookout, OfIncus};
use super::secret::Vault;
use super::session::Shared;

/// How long it stays after the last session.
const IDLE: Duration = Duration::from_secs(60);
/// How soon it looks again where a session is missed.
const UNSURE: Duration = Duration::from_secs(5);
/// How long what is being taken may go on when it is to end, and then how long it may roll back.
const FINISHES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// How soon to ask again one that is beginning or ending.
const AGAIN: Duration = Duration::from_millis(25);
/// How long those who wait for its end have to take the answer.
const GOODBYE: Duration = Duration::from_millis(100);

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was one already, which is no older.
    Another,
    /// It was the one, and ended for this reason.
    Ended(Ended),
}

/// Is the supervisor of a place until it is to stop, or nothing is left to do. `ready` is called once somebody listens.
pub(crate) async fn run(
    place: &Place,
    uid: u32,
    duty: Rc<dyn Duty>,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<Outcome> {
    allow_many_files();
    let renews = Rc::new(Apart { log: place.log() });
    with(place, &Build::own(), Rc::new(OfIncus { uid }), (duty, renews), stop, ready).await
}

/// As many as the system lets this process have: each connection of a session is two, and no session is to take them from
/// the others.
fn allow_many_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }) {
        tracing::warn!(%error, "the number of open files stays as it is");
    }
}

/// The same with another build and lookout, and others who do the work.
pub(super) async fn with(
    place: &Place,
    build: &Build,
    lookout: Rc<dyn Lookout>,
    hands: (Rc<dyn Duty>, Rc<dyn Renews>),
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<Outcome> {
    let local = tokio::task::LocalSet::new();
    let supervise = async {
        let Some(lock) = become_the_one(place, build).await? else {
            ready();
            return Ok(Outcome::Another);
        };
        supervise(place, build, lookout, hands, stop, ready, lock).await.map(Outcome::Ended)
    };
    local.run_until(supervise).await
}

/// Takes the lock, from an older build if need be; `None` if another is and stays the one.
async fn become_the_one(place: &Place, build: &Build) -> Result<Option<Lock>> {
    let until = Instant::now() + HANDS_OVER;
    loop {
        if let Some(lock) = lock::take(place)? {
            return Ok(Some(lock));
        }
        match Ask(place).build().await {
            Ok(there) if !build.is_newer_than(&there) => return Ok(None),
            Ok(_) => drop(Ask(place).hand_over().await),
            // it is just beginning or ending
            Err(_) => {}
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        sleep(AGAIN).await;
    }
}

async fn supervise(
    place: &Place,
    build: &Build,
    lookout: Rc<dyn Lookout>,
    (duty, renews): (Rc<dyn Duty>, Rc<dyn Renews>),
    stop: CancellationToken,
    ready: impl FnOnce(),
    lock: Lock,
) -> Result<Ended> {
    let (work, cancel, changed) = (TaskTracker::new(), CancellationToken::new(), Rc::new(Notify::new()));
    let log = Rc::new(Log::at(place.log()));
    log.say(format_args!("supervisor {} begins, process {}", build.version, std::process::id()));
    let logins = Rc::new(Logins::new(place.cci_dir(), renews, Rc::clone(&log), work.clone()));
    let vault = Rc::new(Vault::of(place.cci_dir()));
    let (stopped, told) = (cancel.clone(), Rc::clone(&changed));
    let audits = Audits::of(place.cci_dir());
    let shared = Rc::new(Shared { duty, log, vault, audits, work: work.clone(), stop: stopped, changed: told });
    let run = place.sessions();
    let house = Rc::new(House::new(run.clone(), Rc::clone(&shared), logins, lookout, Rc::clone(&changed)));
    let control = Rc::new(Control {
        house: Rc::clone(&house),
        build: build.clone(),
        since: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ending: CancellationToken::new(),
        why: RefCell::new(None),
    });
    let (door, listener) = own_door(place).map_err(host("listen at", &place.socket()))?;
    house.admit();
    ready();
    let answering = Rc::clone(&control);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn_local(async move {
        let respond = move |request| Rc::clone(&answering).respond(request);
        match http::serve(listener, control::LIMITS, respond).await {}
    });
    let why = tokio::select! {
        () = control.ending.cancelled() => control.why(),
        () = stop.cancelled() => Ended::Stopped,
        () = watch(&house, &changed) => Ended::Idle,
    };
    control.end(why);
    shared.log.say(format_args!("supervisor ends: {}", word(control.why())));
    house.close_all();
    finish(&work, &cancel).await;
    drop(door);
    sleep(GOODBYE).await;
    drop(lock);
    Ok(control.why())
}

fn own_door(place: &Place) -> io::Result<(Door, tokio::net::UnixListener)> {
    let run = place.sessions().path();
    Door::open(run, run, "supervisor.sock", None)
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Stopped => "it was stopped",
        Ended::HandedOver => "a newer cci takes over",
        Ended::Idle => "no session is left",
    }
}

/// Looks after the sessions until none is left.
async fn watch(house: &House, changed: &Notify) {
    changed.notify_one();
    let mut empty_since = None;
    loop {
        if house.is_empty() {
            empty_since.get_or_insert_with(Instant::now);
        } else {
            empty_since = None;
        }
        tokio::select! {
            () = changed.notified() => house.look().await,
            () = sleep(UNSURE), if house.is_unsure() => house.look().await,
            () = idle(empty_since) => return,
        }
    }
}

/// Waits until there has been no session for long enough.
async fn idle(since: Option<Instant>) {
    match since {
        Some(since) => sleep_until(since + IDLE).await,
        None => std::future::pending().await,
    }
}

/// Lets what is being taken come to its end; what takes too long is rolled back.
async fn finish(work: &TaskTracker, cancel: &CancellationToken) {
    work.close();
    if timeout(FINISHES.0, work.wait()).await.is_err() {
        cancel.cancel();
        let _ = timeout(FINISHES.1, work.wait()).await;
    }
}
