//! cci is killed at random moments, and asked to stop at others.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::bed::Bed;
use crate::support::figures::{self, Random};

/// How a process ended, and whether the signal itself ended it.
struct Ended {
    status: ExitStatus,
    hit: bool,
    /// How long it lived.
    lived: Duration,
    stderr: String,
}

/// Starts cci, sends `signal` after `delay` unless it has ended by then, and waits for its end.
fn signalled(bed: &Bed, args: &[&str], signal: Signal, delay: Duration) -> Ended {
    let mut command = bed.host.cci_command(args);
    command.env("CCI_USE_DUMMY", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let (child, began) = (command.spawn().unwrap(), Instant::now());
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || drop(ended.send(outcome(child))));
    let early = end.recv_timeout(delay).ok();
    if early.is_none() {
        // it may have ended in this very moment: how it ended tells
        let _ = kill_process(pid, signal);
    }
    let late = || end.recv_timeout(Duration::from_secs(150)).expect("cci hangs after a signal");
    let (status, stderr) = early.unwrap_or_else(late);
    let hit = status.signal() == Some(signal.as_raw());
    Ended { status, hit, lived: began.elapsed(), stderr }
}

fn outcome(child: Child) -> (ExitStatus, String) {
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What must be so after a kill, once the next command has run: an agent that runs, or nothing.
#[track_caller]
fn assert_whole_or_nothing(bed: &Bed, when: &str) -> String {
    let next = bed.host.cci(&["list"]).ok();
    let list = bed.host.cci(&["list", "--all", "--format", "json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    let of_user = list["active_containers"].as_array().unwrap();
    if of_user.iter().all(|container| container["session_id"].is_null()) {
        // that of a command is on its way out if Incus was asked for its stop
        bed.wait_for_containers(&format!("{when}\nnext command: {next}"), 0);
        bed.assert_nothing_left(when);
    } else {
        let agents = bed.host.cci(&["tmux", "list"]).ok();
        assert!(agents.stdout.contains(of_user[0]["name"].as_str().unwrap()), "{when}: no agent in {list}\n{agents}");
        assert_eq!(list["saved_sessions"].as_array().map(Vec::len), Some(1), "{when}: {list}");
        bed.host.cci(&["kill", "--all", "--force"]).ok();
        bed.host.cci(&["clean", "--sessions", "--force"]).ok();
    }
    bed.assert_others_untouched(when);
    next.stderr
}

/// How long a verb takes undisturbed: the shorter of two, for a moment after the end would meet nobody.
fn duration_of(bed: &Bed, args: &[&str]) -> Duration {
    undisturbed(bed, args).min(undisturbed(bed, args))
}

fn undisturbed(bed: &Bed, args: &[&str]) -> Duration {
    let began = Instant::now();
    bed.host.cci_with(args, &[("CCI_USE_DUMMY", "1")], b"").ok();
    let took = began.elapsed();
    bed.host.cci(&["kill", "--all", "--force"]).ok();
    bed.host.cci(&["clean", "--sessions", "--force"]).ok();
    took
}

/// A random moment in the part of the duration where the process surely still lives.
fn moment(random: &mut Random, whole: Duration) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap() * 8 / 10;
    Duration::from_micros(random.below(micros))
}

fn kill_at_random(name: &str, args: &[&str], rounds: usize) {
    let (bed, seed) = (Bed::new(), figures::seed());
    let mut random = Random::new(seed);
    let mut whole = duration_of(&bed, args);
    let (mut hits, mut removals) = (0, 0);
    for round in 0..rounds {
        let delay = moment(&mut random, whole);
        let ended = signalled(&bed, args, Signal::KILL, delay);
        let when = format!("{name}, killed after {delay:?} (seed {seed}, round {round})\n{}", ended.stderr);
        hits += usize::from(ended.hit);
        if !ended.hit {
            // the machine has become quicker: later moments would meet nobody
            whole = whole.min(ended.lived);
        }
        removals += usize::from(assert_whole_or_nothing(&bed, &when).contains("left by a command that was killed"));
    }
    figures::note(&format!("kill -9: {name}: {hits} of {rounds} hit a living process, {removals} left something"));
    assert!(hits * 10 >= rounds * 8, "{name}: only {hits} of {rounds} kills hit (seed {seed})");
    assert!(removals > 0 || rounds < 50, "{name}: no kill of {rounds} left anything to the next command (seed {seed})");
}

#[test]
fn a_killed_shell_is_whole_or_nothing() {
    kill_at_random("shell", &["shell", "--background"], figures::rounds(5, 100));
}

#[test]
fn a_killed_run_is_removed_by_the_next_command() {
    kill_at_random("run", &["run", "--", "true"], figures::rounds(5, 60));
}

#[test]
fn a_killed_end_can_be_said_again() {
    let (bed, seed) = (Bed::new(), figures::seed());
    let mut random = Random::new(seed);
    let rounds = figures::rounds(4, 40);
    let mut hits = 0;
    for round in 0..rounds {
        bed.host.cci(&["shell", "--background", "--debug"]).ok();
        let delay = Duration::from_millis(random.below(200));
        let ended = signalled(&bed, &["kill", "--all", "--force"], Signal::KILL, delay);
        let when = format!("kill, killed after {delay:?} (seed {seed}, round {round})");
        hits += usize::from(ended.hit);
        bed.host.cci(&["kill", "--all", "--force"]).ok();
        bed.wait_for_containers(&when, 0);
        let saved = bed.host.cci(&["list", "--all"]).ok();
        assert!(saved.stdout.contains("Workspace:"), "{when}: the conversation is lost: {saved}");
        bed.host.cci(&["clean", "--sessions", "--force"]).ok();
        bed.assert_others_untouched(&when);
    }
    figures::note(&format!("kill -9: kill: {hits} of {rounds} hit a living process"));
    assert!(hits * 10 >= rounds * 8, "only {hits} of {rounds} kills hit (seed {seed})");
}

#[test]
fn a_signal_takes_back_what_was_made_before_cci_ends() {
    let (bed, seed) = (Bed::new(), figures::seed());
    let mut random = Random::new(seed);
    let rounds = figures::rounds(6, 60);
    let verbs: [&[&str]; 2] = [&["shell", "--background"], &["run", "--", "true"]];
    let wholes = verbs.map(|args| duration_of(&bed, args));
    let mut interrupted = 0;
    for round in 0..rounds {
        let signal = [Signal::TERM, Signal::HUP, Signal::INT][round % 3];
        let (args, whole) = (verbs[round % 2], wholes[round % 2]);
        let delay = moment(&mut random, whole);
        let ended = signalled(&bed, args, signal, delay);
        let when = format!("{args:?}, {signal:?} after {delay:?} (seed {seed}, round {round})\n{}", ended.stderr);
        let told = assert_whole_or_nothing(&bed, &when);
        match ended.status.code() {
            Some(130) => interrupted += 1,
            Some(0) => continue,
            // the command ran already and was passed the signal
            Some(code) if args[0] == "run" && code == 128 + signal.as_raw() => {}
            // before the first instruction of its own, which it tells, a process ends by the signal itself
            None if ended.stderr.is_empty() => continue,
            other => panic!("{when}: ended with {other:?} ({:?})", ended.status),
        }
        assert!(!told.contains("Removed"), "{when}: something was left to the next command: {told}");
    }
    figures::note(&format!("signals: {interrupted} of {rounds} interrupted a living process, nothing was left"));
    assert!(interrupted * 2 >= rounds, "only {interrupted} of {rounds} (seed {seed})");
}
