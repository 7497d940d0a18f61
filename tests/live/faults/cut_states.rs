//! Requests of a rewind, a fork and an adoption are broken: a state is brought back whole or left whole, and a fork is there or
//! not.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bed::assert_tells;
use super::states::{Place, Session, same};
use crate::support::figures;
use crate::support::host::{Host, U1000, daemon_socket};
use crate::support::proxy::{Fault, Proxy};
use crate::support::tree;

/// No fault makes a verb wait for longer.
const PATIENCE: Duration = Duration::from_secs(90);
const FAULTS: [Fault; 5] = [Fault::CutAfter, Fault::CutBefore, Fault::CutMidway, Fault::Error, Fault::Gone];

/// A session behind a proxy.
fn behind_a_proxy() -> (Proxy, Session) {
    let proxy = Proxy::start(&daemon_socket());
    let session = Session::start(Host::live(U1000).at_socket(proxy.socket()));
    (proxy, session)
}

/// Which faults meet which of so many requests: in the short form a few of all.
fn faults(requests: usize, short: usize, seed: u64) -> Vec<(usize, Fault)> {
    let all = (0..requests).flat_map(|n| FAULTS.map(|fault| (n, fault))).collect();
    figures::sample(all, short, seed)
}

/// Runs a verb with one of its requests spoilt; whether it succeeded, and what happened.
fn spoilt(session: &Session, proxy: &Proxy, args: &[&str], (n, fault): (usize, Fault)) -> (bool, String) {
    proxy.spoil(n, fault);
    let began = Instant::now();
    let out = session.cci(args);
    let hit = proxy.hit();
    proxy.behave();
    let when = format!("{args:?}, {fault:?} at request {n} ({hit:?})\n{out}\n");
    assert!(began.elapsed() < PATIENCE, "{when}: it took {:?}", began.elapsed());
    if out.code != 0 {
        assert_tells(&out, 1, &when);
    }
    assert!(hit.is_some() || out.code == 0, "{when}");
    (out.code == 0, when)
}

#[test]
fn a_cut_rewind_is_completed_or_taken_back() {
    let (proxy, session) = behind_a_proxy();
    session.write(&session.origin, "one");
    let first = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    let was = session.state();
    session.write(&session.origin, "two");
    let becomes = session.state();
    proxy.behave();
    let second = session.json(&["rewind", &first])["from"].as_str().unwrap().to_owned();
    let (requests, seed) = (proxy.seen().len(), figures::seed());
    same(&session.state(), &was, "undisturbed");
    let tries = faults(requests, 4, seed);
    let (mut now, mut absorbed) = ((first, was), 0);
    let mut other = (second, becomes);
    for (round, fault) in tries.iter().enumerate() {
        let (done, when) = spoilt(&session, &proxy, &["rewind", &other.0], *fault);
        let when = format!("seed {seed}: {when}");
        absorbed += usize::from(done);
        if done {
            same(&session.state(), &other.1, &when);
        }
        let end = if round % 2 == 0 { "--continue" } else { "--abort" };
        if session.ended(end, &now.1, &other.1, &when) {
            std::mem::swap(&mut now, &mut other);
        }
        session.assert_nothing_left(&[&session.origin.name], &when);
    }
    session.assert_verified(&format!("seed {seed}"));
    note("rewind", requests, tries.len(), absorbed, seed);
}

fn note(verb: &str, requests: usize, tried: usize, absorbed: usize, seed: u64) {
    figures::note(&format!(
        "cut: {verb}: {requests} requests undisturbed, {tried} faults, {absorbed} without effect: seed {seed}"
    ));
}

fn name(of: &Place) -> String {
    of.dir.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_cut_adoption_is_completed_or_taken_back() {
    let (proxy, session) = behind_a_proxy();
    session.write(&session.origin, "one");
    let fork = session.fork();
    session.write(&fork, "fork");
    let (was, of_fork, name) = (session.state(), session.state_of(&fork), name(&fork));
    proxy.behave();
    let before = session.json(&["adopt", &name])["from"].as_str().unwrap().to_owned();
    let (requests, seed) = (proxy.seen().len(), figures::seed());
    let becomes = session.state();
    becomes.assert_adopted(&of_fork);
    let back = |when: &str| {
        session.cci(&["rewind", &before]).ok();
        same(&session.state(), &was, when);
    };
    back("taken back");
    let (tries, mut absorbed) = (faults(requests, 4, seed), 0);
    for (round, fault) in tries.iter().enumerate() {
        let (done, when) = spoilt(&session, &proxy, &["adopt", &name], *fault);
        let when = format!("seed {seed}: {when}");
        absorbed += usize::from(done);
        let end = if round % 2 == 0 { "--continue" } else { "--abort" };
        let adopted = session.ended(end, &was, &becomes, &when);
        assert!(adopted || !done, "{when}");
        if adopted {
            back(&when);
        }
        same(&session.state_of(&fork), &of_fork, &format!("{when}: the fork"));
        session.assert_nothing_left(&[&session.origin.name, &fork.name], &when);
    }
    session.assert_verified(&format!("seed {seed}"));
    note("adopt", requests, tries.len(), absorbed, seed);
}

#[test]
fn a_cut_fork_is_there_whole_or_not_at_all() {
    let (proxy, session) = behind_a_proxy();
    session.write(&session.origin, "one");
    let (was, before, sessions) = (session.state(), names(&session.host), session.host.sessions());
    proxy.behave();
    let whole = session.fork();
    let (requests, seed) = (proxy.seen().len(), figures::seed());
    session.state_of(&whole).assert_forked(&was, &name(&whole));
    remove(&session, &name(&whole), &sessions);
    let (tries, mut absorbed) = (faults(requests, 6, seed), 0);
    for fault in &tries {
        let (done, when) = spoilt(&session, &proxy, &["fork"], *fault);
        let when = format!("seed {seed}: {when}");
        absorbed += usize::from(done);
        session.cci(&["list"]).ok();
        let made = session.json(&["compare"]);
        let made = made["forks"].as_array().unwrap().iter().map(|fork| fork["name"].as_str().unwrap().to_owned());
        let made: Vec<String> = made.collect();
        assert_eq!(made.len(), usize::from(done), "{when}");
        for fork in &made {
            remove(&session, fork, &sessions);
        }
        same(&session.state(), &was, &when);
        assert_eq!(names(&session.host), before, "{when}");
        assert_eq!(session.host.sessions(), sessions, "{when}");
        session.assert_nothing_left(&[&session.origin.name], &when);
    }
    session.assert_verified(&format!("seed {seed}"));
    note("fork", requests, tries.len(), absorbed, seed);
}

/// Removes a fork, and the conversation that it leaves.
fn remove(session: &Session, fork: &str, sessions: &[String]) {
    session.cci(&["fork", "--yes", "--remove", fork]).ok();
    for left in session.host.sessions().into_iter().filter(|id| !sessions.contains(id)) {
        std::fs::remove_dir_all(session.host.home.join(".cci/sessions-claude").join(left)).unwrap();
    }
}

/// Every name in the repository but objects and logs, and in the directory of the forks.
fn names(host: &Host) -> Vec<std::path::PathBuf> {
    let of = |dir: &Path| if dir.exists() { tree::of(dir) } else { std::collections::BTreeMap::default() };
    let all = of(&host.proj.join(".git")).into_keys().chain(of(&host.home.join(".cci/worktrees")).into_keys());
    all.filter(|path| !path.starts_with("objects")).collect()
}
