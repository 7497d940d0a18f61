//! A request of a launch is answered only after its deadline, for every request that the launch has: all at once, since
//! each test mostly waits.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bed::{assert_tells, daemon_socket, entries};
use super::cut::words;
use crate::support::figures;
use crate::support::host::{Host, Output, U1000};
use crate::support::proxy::{Fault, Proxy};
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
        Self { host: Host::live(U1000).at_socket(proxy.socket()), proxy }
    }

    fn launch(&self, verb: &str) -> Output {
        let args = words(verb);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.host.cci_with(&args, &[("CCI_USE_DUMMY", "1")], b"")
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

/// Whether the `n`-th request is one whose deadline this form of the test waits for.
fn is_tried(lines: &[String], n: usize) -> bool {
    let is_wait = |line: &String| line.contains("/wait");
    // a command may take as long as it likes: the last wait has no deadline
    let of_the_command =
        lines.iter().rposition(is_wait) == Some(n) && lines.iter().filter(|line| is_wait(line)).count() > 1;
    !of_the_command && (figures::is_long() || !is_wait(&lines[n]))
}

fn late_everywhere(verb: &str, exit: i32) {
    let first = World::new();
    first.proxy.behave();
    first.launch(verb).ok();
    let lines = first.proxy.seen();
    first.host.cci(&["kill", "--all", "--force"]).ok();
    let tried: Vec<usize> = (0..lines.len()).filter(|n| is_tried(&lines, *n)).collect();
    let met: usize = std::thread::scope(|scope| {
        let late: Vec<_> = tried.iter().map(|n| scope.spawn(|| usize::from(late_at(*n, verb, exit)))).collect();
        late.into_iter().map(|late| late.join().unwrap()).sum()
    });
    figures::note(&format!(
        "late: {verb}: {} requests, {} held back past their deadline, {met} met",
        lines.len(),
        tried.len()
    ));
    assert!(met * 10 >= tried.len() * 8, "{verb}: only {met} of {tried:?} were met");
}

/// Holds back the `n`-th request; whether it came.
fn late_at(n: usize, verb: &str, exit: i32) -> bool {
    let world = World::new();
    world.proxy.spoil(n, Fault::Late);
    let began = Instant::now();
    let out = world.launch(verb);
    let hit = world.proxy.hit();
    let when = format!("{verb}, request {n} ({hit:?}) answered too late\n{out}");
    assert!(began.elapsed() < PATIENCE, "{when}: it took {:?}", began.elapsed());
    world.proxy.behave();
    if out.code == 0 {
        world.host.cci(&["kill", "--all", "--force"]).ok();
        world.host.cci(&["clean", "--sessions", "--force"]).ok();
    } else {
        assert_tells(&out, exit, &when);
        assert!(out.stderr.contains("no answer within"), "{when}");
    }
    world.assert_nothing_left(&when, hit.as_deref());
    hit.is_some()
}

#[test]
fn a_launch_whose_requests_are_answered_too_late_leaves_nothing() {
    std::thread::scope(|scope| {
        scope.spawn(|| late_everywhere("run -- true", 125));
        scope.spawn(|| late_everywhere("shell --background", 1));
    });
}
