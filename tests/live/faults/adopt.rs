//! An adoption of a fork is interrupted: it is completed or taken back, whole.

use std::time::Instant;

use super::states::{Session, same};
use crate::support::figures::{self, Random};
use crate::support::host::{Host, U1000, U1234};

#[test]
fn an_adoption_that_is_killed_at_any_moment_is_completed_or_taken_back() {
    let session = Session::start(Host::live(U1000));
    session.write(&session.origin, "one");
    let fork = session.fork();
    session.write(&fork, "fork");
    let (name, containers) = (name(&fork.dir), [session.origin.name.as_str(), fork.name.as_str()]);
    let (was, of_fork) = (session.state(), session.state_of(&fork));
    let began = Instant::now();
    let adopted = session.json(&["adopt", &name]);
    let took = began.elapsed();
    let becomes = session.state();
    becomes.assert_adopted(&of_fork);
    let before = adopted["from"].as_str().unwrap().to_owned();
    let back = |when: &str| {
        session.cci(&["rewind", "--yes", &before]).ok();
        same(&session.state(), &was, when);
    };
    back("taken back");
    let (seed, rounds) = (figures::seed(), figures::rounds(4, 100));
    let (mut random, mut hit) = (Random::new(seed), 0);
    for round in 0..rounds {
        let delay = took * u32::try_from(random.below(1000)).unwrap() / 1000;
        let when = format!("seed {seed}, round {round}, killed after {delay:?} of {took:?}");
        hit += usize::from(session.killed(&["adopt", &name], Some(delay)));
        let end = if round % 2 == 0 { "--continue" } else { "--abort" };
        if session.ended(end, &was, &becomes, &when) {
            back(&when);
        }
        same(&session.state_of(&fork), &of_fork, &format!("{when}: the fork"));
        session.assert_nothing_left(&containers, &when);
    }
    session.assert_verified(&format!("seed {seed}"));
    figures::note(&format!("adopt killed at {hit} of {rounds} random moments of {took:?}: seed {seed}"));
    assert!(hit > 0, "no kill met an adoption");
}

fn name(dir: &std::path::Path) -> String {
    dir.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn an_interrupted_adoption_waits_for_its_end() {
    let session = Session::start(Host::live(U1234));
    session.write(&session.origin, "one");
    let fork = session.fork();
    session.write(&fork, "fork");
    let (was, of_fork, name) = (session.state(), session.state_of(&fork), name(&fork.dir));
    let containers = [session.origin.name.as_str(), fork.name.as_str()];
    for end in ["--abort", "--continue"] {
        assert!(session.killed(&["adopt", &name], None), "it had no journal");
        for args in [&["checkpoint"][..], &["adopt", &name], &["fork"]] {
            let refused = session.cci(args);
            assert_eq!(refused.code, 1, "{args:?}: {refused}");
            assert!(refused.stderr.contains("cci rewind --continue"), "{args:?}: {refused}");
        }
        session.ended(end, &was, &of_fork, end);
        session.assert_nothing_left(&containers, end);
    }
}

#[test]
fn an_adoption_into_a_workspace_without_an_agent_is_completed_or_leaves_none() {
    let mut session = Session::without_agent(Host::live(U1000));
    let fork = session.fork();
    session.write(&fork, "fork");
    let (was, name, sessions) = (session.state(), name(&fork.dir), session.host.sessions());
    assert!(session.killed(&["adopt", &name], None), "it had no journal");
    session.cci(&["rewind", "--abort"]).ok();
    same(&session.state(), &was, "taken back");
    session.assert_nothing_left(&[&fork.name], "taken back");
    assert_eq!(session.host.sessions(), sessions, "the conversation is gone");

    assert!(session.killed(&["adopt", &name], None), "it had no journal");
    let done = session.json(&["rewind", "--continue"]);
    session.origin.came(&done);
    session.state().assert_adopted(&session.state_of(&fork));
    let metadata = session.metadata(&session.origin);
    assert_eq!(metadata["workspace"], session.host.proj.to_str().unwrap(), "{metadata:#}");
    session.assert_nothing_left(&[&fork.name, &session.origin.name], "completed");
}
