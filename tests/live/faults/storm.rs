//! Eight concurrent processes run random verbs in two workspaces, and the invariants are checked after each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bed::Bed;
use crate::support::figures::{self, Random};
use crate::support::host::{Host, Output};

const PROCESSES: u64 = 8;

/// What happened, by verb and by the words of its error.
type Tally = BTreeMap<String, usize>;

#[test]
fn random_verbs_at_once_never_break_what_must_hold() {
    let (bed, seed) = (Bed::new(), figures::seed());
    let limit = Duration::from_secs(if figures::is_long() { 600 } else { 40 });
    let workspaces = [bed.host.proj.clone(), bed.host.dir("other")];
    let tally = Mutex::new(Tally::new());
    let end = Instant::now() + limit;
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            let (host, workspaces, tally) = (&bed.host, &workspaces, &tally);
            scope.spawn(move || {
                let mut random = Random::new(seed.wrapping_add(process * 0x9E37_79B9));
                while Instant::now() < end {
                    step(host, workspaces, &mut random, tally, seed);
                }
            });
        }
    });
    let killed = bed.host.cci(&["kill", "--all", "--force"]);
    let cleaned = bed.host.cci(&["clean", "--all", "--persistent", "--force"]);
    let when = format!("a storm (seed {seed})\nkill: {killed}\nclean: {cleaned}");
    bed.assert_nothing_left(&when);
    bed.assert_others_untouched(&when);
    let tally = tally.into_inner().unwrap();
    let conflicts: usize = tally.iter().filter(|(what, _)| what.starts_with("conflict")).map(|(_, count)| count).sum();
    figures::note(&format!("storm: {limit:?}, seed {seed}: {tally:?}"));
    assert!(conflicts > 0, "no two of them ever met: {tally:?}");
}

fn step(host: &Host, workspaces: &[PathBuf; 2], random: &mut Random, tally: &Mutex<Tally>, seed: u64) {
    let workspace = workspaces[usize::try_from(random.below(2)).unwrap()].to_str().unwrap();
    let victim = names(&list(host)).into_iter().next().unwrap_or_else(|| "nobody".to_owned());
    let args: Vec<&str> = match random.below(10) {
        0..=2 => vec!["shell", "--background", "--debug", "-w", workspace],
        3 => vec!["shell", "--background", "--debug", "--resume", "-w", workspace],
        4 | 5 => vec!["run", "-w", workspace, "--", "true"],
        6 => vec!["kill", &victim],
        7 => vec!["shutdown", &victim, "--timeout", "2"],
        8 => vec!["persist", &victim],
        _ => vec!["clean", "--force"],
    };
    let out = host.cci_with(&args, &[("CCI_LOG", "cci=info")], b"");
    let when = format!("{args:?} (seed {seed}): {out}");
    for accident in ["panicked", "internal error", "no answer within"] {
        assert!(!out.stderr.contains(accident), "{when}");
    }
    assert!(matches!(out.code, 0 | 1 | 125 | 137), "{when}");
    {
        let mut tally = tally.lock().unwrap();
        *tally.entry(format!("{} {}", args[0], out.code)).or_default() += 1;
        for conflict in conflicts(&out) {
            *tally.entry(format!("conflict: {conflict}")).or_default() += 1;
        }
    }
    assert_invariants(host, &when);
}

/// Where one process met another.
fn conflicts(out: &Output) -> Vec<&'static str> {
    ["taken by another launch", "not found", "slots are in use", "Resuming session"]
        .into_iter()
        .filter(|words| out.stderr.contains(words))
        .collect()
}

fn list(host: &Host) -> Value {
    let out = host.cci(&["list", "--all", "--format", "json"]).ok();
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn names(list: &Value) -> Vec<String> {
    let all = list["active_containers"].as_array().unwrap();
    all.iter().map(|container| container["name"].as_str().unwrap().to_owned()).collect()
}

/// The conversations that have a running container.
fn running_sessions(list: &Value) -> Vec<String> {
    let containers = list["active_containers"].as_array().unwrap().iter();
    let running = containers.filter(|container| container["status"] == "Running");
    running.filter_map(|container| container["session_id"].as_str()).map(str::to_owned).collect()
}

/// One container a slot, and a conversation's directory for each that has an agent.
#[track_caller]
fn assert_invariants(host: &Host, when: &str) {
    let list = list(host);
    let containers = list["active_containers"].as_array().unwrap();
    let slots: BTreeSet<String> =
        containers.iter().map(|container| format!("{} {}", container["workspace"], container["slot"])).collect();
    assert_eq!(slots.len(), containers.len(), "{when}: two containers in one slot: {list}");
    for id in running_sessions(&list) {
        let dir = host.home.join(".cci/sessions-claude").join(&id);
        let state = dir.join(".claude");
        // one that ended since the list was made may have been cleaned
        if !state.is_dir() {
            assert!(!running_sessions(&self::list(host)).contains(&id), "{when}: {id} has no directory");
        }
        if let Ok(metadata) = std::fs::read(dir.join("metadata.json")) {
            serde_json::from_slice::<Value>(&metadata).unwrap_or_else(|error| panic!("{when}: {id}: {error}"));
        }
    }
}
