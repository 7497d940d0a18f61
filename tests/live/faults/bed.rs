//! A user whose requests can be broken, a neighbour in the same workspace, and what must hold for both after a fault.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::figures;
use crate::support::host::{Host, Output, U1000, U1234, daemon_socket, incus};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wait;

/// The user, the proxy in front of Incus, and the neighbour.
pub(super) struct Bed {
    pub(super) host: Host,
    pub(super) proxy: Proxy,
    neighbour: Neighbour,
    sessions: Vec<String>,
}

/// Somebody else's container under the same prefix and for the same workspace, as it was before any fault.
struct Neighbour {
    host: Host,
    name: String,
    before: Value,
}

impl Neighbour {
    fn beside(host: &Host) -> Self {
        let other = host.with_user(U1234);
        other.cci(&["shell", "--background", "--debug", "--slot", "9"]).ok();
        let name = other.only_container();
        let before = config(&other, &name);
        Self { host: other, name, before }
    }

    #[track_caller]
    fn assert_untouched(&self, when: &str) {
        assert_eq!(config(&self.host, &self.name), self.before, "{when}: the neighbour's container was changed");
        assert_eq!(self.host.sessions().len(), 1, "{when}: the neighbour's session");
    }
}

fn config(host: &Host, name: &str) -> Value {
    let text = incus(&["query", &format!("/1.0/instances/{name}?project={}", host.project)]);
    let mut whole: Value = serde_json::from_str(&text).unwrap();
    let config = whole["config"].as_object_mut().unwrap();
    config.retain(|key, _| !key.starts_with("volatile."));
    serde_json::json!({ "config": config, "status": whole["status"], "ephemeral": whole["ephemeral"] })
}

impl Bed {
    pub(super) fn new() -> Self {
        let proxy = Proxy::start(&daemon_socket());
        let host = Host::live(U1000).at_socket(proxy.socket());
        std::fs::set_permissions(&host.proj, PermissionsExt::from_mode(0o777)).unwrap();
        let neighbour = Neighbour::beside(&host);
        proxy.behave();
        Self { host, proxy, neighbour, sessions: Vec::new() }
    }

    /// A saved conversation that no fault may touch; its id.
    pub(super) fn with_saved_session(&mut self) -> String {
        let out = self.host.cci(&["shell", "--background", "--debug"]).ok();
        let id = out.stdout.split_whitespace().nth(1).unwrap().to_owned();
        self.host.cci(&["kill", "--all", "--force"]).ok();
        let transcripts = self.state_dir(&id).join("projects/-workspace");
        let words = "mkdir -p \"$1\" && echo '{\"said\":\"before\"}' >\"$1/$2.jsonl\"";
        let mut write = self.host.command("sh");
        write.args(["-c", words, "sh", transcripts.to_str().unwrap(), &id]);
        crate::support::host::run(write, b"").ok();
        self.sessions.push(id.clone());
        id
    }

    pub(super) fn state_dir(&self, id: &str) -> PathBuf {
        self.host.home.join(".cci/sessions-claude").join(id).join(".claude")
    }

    /// The user's containers, without the neighbour's.
    pub(super) fn containers(&self) -> Vec<String> {
        self.host.containers().into_iter().filter(|name| *name != self.neighbour.name).collect()
    }

    #[track_caller]
    pub(super) fn wait_for_containers(&self, when: &str, count: usize) {
        wait::until(when, Duration::from_secs(30), || {
            let found = self.containers();
            if found.len() == count { Ok(()) } else { Err(format!("{found:?} instead of {count}")) }
        });
    }

    /// Waits until Incus has stopped the only container.
    #[track_caller]
    pub(super) fn wait_until_stopped(&self) {
        wait::until("the container is stopped", Duration::from_secs(30), || {
            let list = incus(&["list", "--project", &self.host.project, "-f", "csv", "-c", "s", &self.containers()[0]]);
            if list.trim() == "STOPPED" { Ok(()) } else { Err(list) }
        });
    }

    /// Nothing of a failed launch is left, or the next command removes it and says so.
    #[track_caller]
    pub(super) fn assert_nothing_left(&self, when: &str) {
        self.proxy.behave();
        let left = self.containers();
        let next = self.host.cci(&["list"]).ok();
        if !left.is_empty() && !self.containers().is_empty() {
            // an end that Incus was asked for is under way
            self.wait_for_containers(&format!("{when}\nleft: {left:?}\nnext command: {next}"), 0);
        }
        let unfinished = self.host.home.join(".cci/unfinished");
        assert_eq!(entries(&unfinished), Vec::<String>::new(), "{when}: notes are left; next command: {next}");
        let sessions = self.host.sessions().into_iter().filter(|id| !self.sessions.contains(id));
        let store = self.host.home.join(".cci/sessions-claude");
        let sessions: Vec<_> = sessions.map(|id| (entries(&store.join(&id)), id)).collect();
        assert!(sessions.is_empty(), "{when}: sessions {sessions:?} are left; next command: {next}");
    }

    /// What no fault may ever touch is as it was.
    #[track_caller]
    pub(super) fn assert_others_untouched(&self, when: &str) {
        self.neighbour.assert_untouched(when);
        for id in &self.sessions {
            let transcript = self.state_dir(id).join(format!("projects/-workspace/{id}.jsonl"));
            let said = std::fs::read_to_string(&transcript).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(said, "{\"said\":\"before\"}\n", "{when}");
            let metadata = self.host.home.join(".cci/sessions-claude").join(id).join("metadata.json");
            let metadata: Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
            assert_eq!(metadata["session_id"], id.as_str(), "{when}");
        }
    }
}

pub(super) fn entries(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A failure names the step that it met and is no accident of cci's own.
#[track_caller]
pub(super) fn assert_tells(out: &Output, exit: i32, when: &str) {
    assert_eq!(out.code, exit, "{when}: {out}");
    for accident in ["panicked", "internal error", "interrupted"] {
        assert!(!out.stderr.contains(accident), "{when}: {out}");
    }
    let told = out.stderr.lines().chain(out.stdout.lines());
    let told: Vec<&str> = told.filter(|line| line.starts_with("error: ") || line.starts_with("warning: ")).collect();
    let names_a_step = |line: &&str| ["cannot ", " failed", "no answer within"].iter().any(|text| line.contains(text));
    assert!(told.iter().any(names_a_step), "{when}: no step is named: {out}");
}

/// The faults that the `n`-th request meets: all of them, in the short form each request another one.
pub(super) fn faults(seed: u64, n: usize) -> Vec<Fault> {
    let all = [Fault::CutAfter, Fault::CutBefore, Fault::CutMidway, Fault::Error, Fault::Gone];
    if figures::is_long() {
        return all.to_vec();
    }
    let turn = usize::try_from(seed % all.len() as u64).unwrap() + n;
    vec![all[turn % all.len()]]
}
