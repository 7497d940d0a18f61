//! A request is answered only after its deadline, for every request of a verb: all at once, since each of them mostly
//! waits.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bed::{assert_tells, entries};
use super::cut::{cci, words};
use crate::support::figures;
use crate::support::host::{Host, U1000, daemon_socket};
use crate::support::proxy::{Fault, Kind, Proxy};
use crate::support::wait;

/// A deadline of a minute, or in the long form of three for a create, and what the clean-up takes.
const PATIENCE: Duration = Duration::from_secs(235);

/// A user of one's own behind a proxy of one's own.
struct World {
    host: Host,
    proxy: Proxy,
}

impl World {
    fn new() -> Self {
        let proxy = Proxy::start(&daemon_socket());
        let world = Self { host: Host::live(U1000).at_socket(proxy.socket()), proxy };
        world.proxy.behave();
        world
    }

    /// A running session's name.
    fn session(&self) -> String {
        self.host.cci(&["shell", "--background", "--debug"]).ok();
        self.host.only_container()
    }

    /// The same once its system is up: before that it does not hear that it is to shut down.
    fn listening(&self) -> String {
        let name = self.session();
        let up =
            "until [ -S /run/systemd/private ]; do sleep 0.1; done; sudo systemctl is-system-running --wait || true";
        self.host.cci(&["container", "exec", &name, "--", "sh", "-c", up]).ok();
        name
    }

    /// What Incus does after all is removed by the commands that follow.
    #[track_caller]
    fn assert_nothing_left(&self, when: &str, hit: Option<&str>) {
        self.proxy.behave();
        // a create that was not answered is looked for again, if it was not found by then
        let doubted = hit.is_some_and(|line| line.starts_with("POST /1.0/instances?"));
        wait::until(when, Duration::from_secs(60), || {
            let next = self.host.cci(&["list"]).ok();
            let notes = if doubted { Vec::new() } else { unfinished(&self.host.home) };
            let left = (self.host.containers(), self.host.sessions(), notes);
            if left == (Vec::new(), Vec::new(), Vec::new()) { Ok(()) } else { Err(format!("{left:?}; {next}")) }
        });
    }
}

fn unfinished(home: &Path) -> Vec<String> {
    entries(&home.join(".cci/unfinished"))
}

/// A verb whose requests are answered too late.
struct Verb {
    name: &'static str,
    /// Makes what it works on; its arguments.
    prepared: fn(&World) -> Vec<String>,
    exit: i32,
    /// Its last wait is that for a command of the user's, which may take as long as it likes.
    endless: bool,
    /// Whether it is said again after a failure, and works then.
    again: bool,
}

impl Verb {
    /// The requests whose deadlines this form of the test waits for, by their numbers among those of a kind.
    fn tried(&self, lines: &[String]) -> Vec<(Kind, usize)> {
        let of_kind = |kind| lines.iter().filter(|line| Kind::of(line) == kind).count();
        let waits = if figures::is_long() { of_kind(Kind::Wait).saturating_sub(self.endless.into()) } else { 0 };
        let others = (0..of_kind(Kind::Other)).map(|n| (Kind::Other, n));
        others.chain((0..waits).map(|n| (Kind::Wait, n))).collect()
    }

    fn late_everywhere(&self) {
        let lines = self.requests();
        let tried = self.tried(&lines);
        let met: usize = std::thread::scope(|scope| {
            let late: Vec<_> = tried.iter().map(|n| scope.spawn(|| usize::from(self.late_at(*n)))).collect();
            late.into_iter().map(|late| late.join().unwrap()).sum()
        });
        let (all, held) = (lines.len(), tried.len());
        figures::note(&format!("late: {}: {all} requests, {held} held back past their deadline, {met} met", self.name));
        // the networks of other tests come and go meanwhile, and `clean` looks at them too
        let of_networks = lines.iter().filter(|line| line.contains("/1.0/network")).count();
        let own = tried.len().saturating_sub(of_networks);
        assert!(met * 10 >= own * 8, "{}: only {met} of {own} were met: {lines:#?}", self.name);
    }

    /// The requests that it has undisturbed.
    fn requests(&self) -> Vec<String> {
        let world = World::new();
        let args = (self.prepared)(&world);
        world.proxy.behave();
        cci(&world.host, &args).ok();
        let lines = world.proxy.seen();
        world.host.cci(&["kill", "--all", "--force"]);
        lines
    }

    /// Holds back the `n`-th request; whether it came.
    fn late_at(&self, (kind, n): (Kind, usize)) -> bool {
        let world = World::new();
        let args = (self.prepared)(&world);
        world.proxy.spoil_of_kind(kind, n, Fault::Late);
        let began = Instant::now();
        let out = cci(&world.host, &args);
        let hit = world.proxy.hit();
        let when = format!("{}, request {n} ({hit:?}) answered too late\n{out}", self.name);
        assert!(began.elapsed() < PATIENCE, "{when}: it took {:?}", began.elapsed());
        world.proxy.behave();
        if out.code != 0 {
            assert_tells(&out, self.exit, &when);
            // under load Incus gives a command up by itself, and that answer came too late for another try
            let is_told =
                ["no answer within", "the command did not run"].iter().any(|words| out.stderr.contains(words));
            assert!(is_told, "{when}");
            if self.again {
                let again = cci(&world.host, &args);
                let gone = world.host.containers().is_empty() && again.stderr.contains("not found");
                assert!(again.code == 0 || gone, "{when}, the second time: {again}");
            }
        }
        if out.code == 0 || self.again {
            world.host.cci(&["kill", "--all", "--force"]);
            world.host.cci(&["clean", "--sessions", "--force"]).ok();
        }
        world.assert_nothing_left(&when, hit.as_deref());
        hit.is_some()
    }
}

fn all_at_once(verbs: &[Verb]) {
    std::thread::scope(|scope| {
        for verb in verbs {
            scope.spawn(|| verb.late_everywhere());
        }
    });
}

#[test]
fn a_launch_whose_requests_are_answered_too_late_leaves_nothing() {
    let launch = |name, prepared, exit, endless| Verb { name, prepared, exit, endless, again: false };
    all_at_once(&[
        launch("run", |_| words("run -- true"), 125, true),
        launch("shell", |_| words("shell --background"), 1, false),
    ]);
}

#[test]
fn a_change_whose_requests_are_answered_too_late_can_be_said_again() {
    let change = |name, prepared| Verb { name, prepared, exit: 1, endless: false, again: true };
    all_at_once(&[
        change("kill", |world| vec!["kill".into(), world.session()]),
        change("shutdown", |world| vec!["shutdown".into(), world.listening(), "--timeout=20".into()]),
        change("persist", |world| vec!["persist".into(), world.session()]),
        change("clean", |world| {
            world.host.cci(&["run", "--persistent", "--", "true"]).ok();
            words("clean --persistent --force")
        }),
    ]);
}
