//! One way to create an instance, one to stop or delete it, one to remove it: in the engine and the front nobody else sends
//! these requests.

use super::breaches::Breach;
use super::paths;
use super::source::Source;
use super::tokens::{Kind, Token};

/// Who uses the client; the rest is the client itself, or does not know it.
const USERS: [&str; 2] = ["src/cci-engine/", "src/cci/"];
/// Sends raw requests on purpose: it measures cci beside them.
const BENCH: &str = "src/cci/bench/";

/// The one that creates.
const CREATE: &str = "src/cci-engine/src/instance/create.rs";
/// Those that end.
const END: [&str; 2] = ["src/cci-engine/src/instance/remove.rs", "src/cci-engine/src/instance/stop.rs"];

/// The client's requests.
pub(super) const CREATES: &str = "create_instance";
pub(super) const DELETES: &str = "delete_instance";
/// Changes of state that end what runs; a start or a pause is anybody's.
pub(super) const ENDING: [[&str; 2]; 4] =
    [["StateAction", "Restart"], ["StateAction", "Stop"], ["StateChange", "kill"], ["StateChange", "stop_within"]];

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let is_user = |source: &&Source| USERS.iter().any(|user| source.path.starts_with(user));
    let users = sources.iter().filter(is_user).filter(|source| !source.path.starts_with(BENCH));
    users.flat_map(in_file).collect()
}

fn in_file(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if source.path != CREATE {
        breaches.extend(calls(source, CREATES));
    }
    if !END.contains(&source.path.as_str()) {
        breaches.extend(calls(source, DELETES));
        breaches.extend(ending_changes(source));
    }
    breaches
}

fn calls(source: &Source, function: &str) -> Vec<Breach> {
    let is_called = |token: &&Token| token.kind == Kind::Word && token.text == function;
    let called = source.tokens.all.iter().filter(is_called);
    called.map(|token| Breach::new(source, token.line, format!("sends {function} itself"))).collect()
}

fn ending_changes(source: &Source) -> Vec<Breach> {
    let paths = paths::all(&source.tokens.all);
    let is_ending = |path: &[String]| path.windows(2).any(|two| ENDING.iter().any(|ending| two == ending));
    let ending = paths.iter().filter(|path| is_ending(&path.path));
    ending.map(|path| Breach::new(source, path.line, format!("ends by {} itself", path.path.join("::")))).collect()
}
