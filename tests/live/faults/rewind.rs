//! cci is killed at random moments of a checkpoint and of a rewind: the next command finds one of the two states, whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::states;
use crate::support::figures::{self, Random};
use crate::support::host::{Host, Output, U1000, U1234, incus, kill_group};
use crate::support::wait;

const DUMMY: &[(&str, &str)] = &[("CCI_USE_DUMMY", "1")];

struct Session {
    host: Host,
    name: String,
}

impl Session {
    fn start() -> Self {
        let host = Host::live(U1234);
        host.cci_with(&["shell", "--background"], DUMMY, b"").ok();
        let name = host.only_container();
        Self { host, name }
    }

    fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, DUMMY, b"")
    }

    /// Puts a word in all three places.
    fn write(&self, word: &str) {
        std::fs::write(self.host.proj.join("word"), word).unwrap();
        self.cci(&["container", "exec", &self.name, "--", "sh", "-c", &format!("echo {word} >/etc/word; sync")]).ok();
        self.cci(&["tmux", "send", &self.name, word]).ok();
        wait::until("it is said", Duration::from_secs(30), || {
            let said = self.said();
            if said.contains(word) { Ok(()) } else { Err(said) }
        });
    }

    fn said(&self) -> String {
        let session = self.host.sessions().pop().unwrap();
        let dir = self.host.home.join(".cci/sessions-claude").join(session).join(".claude/projects/-workspace");
        let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
        files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
    }

    /// The word that all three places have.
    #[track_caller]
    fn word(&self, when: &str) -> String {
        let workspace = std::fs::read_to_string(self.host.proj.join("word")).unwrap();
        let container = self.cci(&["container", "exec", &self.name, "--", "cat", "/etc/word"]).ok().stdout;
        let said = if self.said().contains("two") { "two" } else { "one" };
        assert_eq!((container.trim(), said), (workspace.as_str(), workspace.as_str()), "{when}");
        workspace
    }

    /// Starts a command, kills it with -9 after `delay`, and returns whether it was still at work.
    fn killed(&self, args: &[&str], delay: Duration) -> bool {
        let mut command = self.host.cci_command(args);
        command.envs(DUMMY.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, began) = (command.spawn().unwrap(), Instant::now());
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if began.elapsed() >= delay {
                kill_group(&child);
                child.wait().unwrap();
                return true;
            }
            std::thread::yield_now();
        }
    }

    fn log(&self) -> Vec<Value> {
        let log: Value = serde_json::from_str(&self.cci(&["log", "--format", "json"]).ok().stdout).unwrap();
        log["checkpoints"].as_array().unwrap().clone()
    }

    /// Whether the copies that exist are those that the records name, and no snapshot is left.
    #[track_caller]
    fn assert_nothing_left(&self, when: &str) {
        self.cci(&["list"]).ok();
        let held = self.log().into_iter().filter(|one| one["holds"].as_array().unwrap().contains(&"container".into()));
        let mut named: Vec<String> = held.map(|one| format!("cci-cp-{}", one["id"].as_str().unwrap())).collect();
        named.sort();
        wait::until(&format!("{when}: copies and records are the same"), Duration::from_secs(60), || {
            let mut there = self.host.roots();
            there.sort();
            if there == named { Ok(()) } else { Err(format!("there: {there:?}, named: {named:?}")) }
        });
        let snapshots = incus(&["list", "--project", &self.host.project, "-f", "csv", "-c", "nS", &self.name]);
        assert!(snapshots.trim().is_empty() || snapshots.trim().ends_with(",0"), "{when}: {snapshots}");
    }
}

#[test]
fn a_rewind_that_is_killed_at_any_moment_is_completed_or_taken_back() {
    let session = Session::start();
    session.write("one");
    let one = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    session.write("two");
    let began = Instant::now();
    session.cci(&["rewind", &one]).ok();
    let took = began.elapsed();
    let two = session.log()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(session.word("undisturbed"), "one");
    let (seed, rounds) = (figures::seed(), figures::rounds(6, 100));
    let (mut random, mut hit) = (Random::new(seed), 0);
    let mut now = "one".to_owned();
    for round in 0..rounds {
        let to = if now == "one" { &two } else { &one };
        let delay = took * u32::try_from(random.below(1000)).unwrap() / 1000;
        let when = format!("seed {seed}, round {round}, killed after {delay:?}");
        hit += usize::from(session.killed(&["rewind", to], delay));
        let end = if round % 2 == 0 { "--continue" } else { "--abort" };
        let ended = session.cci(&["rewind", end]);
        let was = std::mem::replace(&mut now, session.word(&when));
        match (ended.code, end) {
            (0, "--continue") => assert_ne!(now, was, "{when}: {ended}"),
            (0, _) => assert_eq!(now, was, "{when}: {ended}"),
            _ => assert!(ended.stderr.contains("no rewind of this workspace was interrupted"), "{when}: {ended}"),
        }
    }
    session.assert_nothing_left(&format!("seed {seed}"));
    figures::note(&format!("rewind killed at {hit} of {rounds} random moments of {took:?}: seed {seed}"));
    assert!(hit > 0, "no kill met a rewind");
}

#[test]
fn what_had_no_container_has_none_when_the_rewind_is_taken_back() {
    let session = states::Session::start(Host::live(U1000));
    session.write(&session.origin, "one");
    let one = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    let first = session.state();
    session.write(&session.origin, "two");
    session.cci(&["kill", &session.origin.name]).ok();
    session.host.wait_until_gone();
    let second = session.state();
    for (end, containers) in [("--abort", &[][..]), ("--continue", &[session.origin.name.as_str()])] {
        assert!(session.killed(&["rewind", &one], None), "it had no journal");
        session.ended(end, &second, &first, end);
        session.assert_nothing_left(containers, end);
    }
}

#[test]
fn a_checkpoint_that_is_killed_at_any_moment_is_whole_or_was_never_there() {
    let session = Session::start();
    session.write("one");
    let began = Instant::now();
    session.cci(&["checkpoint"]).ok();
    let took = began.elapsed();
    let (seed, rounds) = (figures::seed(), figures::rounds(10, 100));
    let (mut random, mut hit) = (Random::new(seed), 0);
    for round in 0..rounds {
        std::fs::write(session.host.proj.join("round"), round.to_string()).unwrap();
        let delay = took * u32::try_from(random.below(1000)).unwrap() / 1000;
        hit += usize::from(session.killed(&["checkpoint"], delay));
        session.cci(&["checkpoint", "-m", &round.to_string()]).ok();
        let newest = session.log()[0].clone();
        let diff = session.cci(&["diff", newest["id"].as_str().unwrap()]).ok();
        assert!(diff.stdout.is_empty(), "seed {seed}, round {round}: {diff}");
    }
    session.assert_nothing_left(&format!("seed {seed}"));
    figures::note(&format!("checkpoint killed at {hit} of {rounds} random moments of {took:?}: seed {seed}"));
    assert!(hit > 0, "no kill met a checkpoint");
}
