//! A session in a git repository and a fork of it, seen without cci: what must hold after a verb was disturbed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::host::{Host, Output, incus, kill_group, run};
use crate::support::{tree, wait};

const SOON: Duration = Duration::from_secs(60);
const REPOSITORY: &str = "git init -q -b main . && git config user.name a && git config user.email a@b \
    && echo ignored >.gitignore && mkdir empty && ln -s /etc/passwd link && git add .gitignore link && git commit -qm zero";
const COMMIT: &str = "git add word && git commit --allow-empty -qm \"$0\"";

/// What a session is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    files: BTreeMap<PathBuf, String>,
    git: String,
    /// What the container has in `/etc/word`; nothing if there is no container.
    etc: Option<String>,
    /// Which of these words were said.
    said: Vec<&'static str>,
}

const WORDS: [&str; 3] = ["one", "two", "fork"];

/// A workspace with an agent in it: the origin, or its fork.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    session: String,
}

impl Place {
    /// The agent runs now that a verb has started.
    pub(super) fn came(&mut self, shown: &Value) {
        shown["container"].as_str().unwrap().clone_into(&mut self.name);
        shown["session_id"].as_str().unwrap().clone_into(&mut self.session);
    }
}

/// A host with a session.
pub(super) struct Session {
    pub(super) host: Host,
    pub(super) origin: Place,
}

impl Session {
    /// The session of a stand-in agent in a repository.
    pub(super) fn start(host: Host) -> Self {
        let session = Self::without_agent(host);
        let out = session.cci(&["shell", "--background"]).ok();
        let mut words = out.stdout.split_whitespace().map(str::to_owned);
        let (name, id) = (words.next().unwrap(), words.next().unwrap());
        Self { origin: Place { name, session: id, ..session.origin }, host: session.host }
    }

    /// A repository in which no agent was ever started.
    pub(super) fn without_agent(host: Host) -> Self {
        let origin = Place { name: String::new(), dir: host.proj.clone(), session: String::new() };
        let session = Self { host, origin };
        session.sh(&session.origin.dir, REPOSITORY, "");
        session
    }

    pub(super) fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, &[("CCI_USE_DUMMY", "1")], b"")
    }

    #[track_caller]
    pub(super) fn json(&self, args: &[&str]) -> Value {
        let out = self.cci(&[args, &["--format", "json"]].concat()).ok();
        serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    fn sh(&self, dir: &Path, script: &str, word: &str) {
        let mut command = self.host.command("bash");
        command.current_dir(dir).args(["-ec", script, word]);
        run(command, b"").ok();
    }

    /// Puts a word in the files, the repository and the container of a place, and says it.
    #[track_caller]
    pub(super) fn write(&self, at: &Place, word: &'static str) {
        self.sh(&at.dir, &format!("echo $0 >word && echo $0 >ignored && {COMMIT}"), word);
        let put = format!("echo {word} >/etc/word; sync");
        incus(&["exec", "--project", &self.host.project, &at.name, "--", "sh", "-c", &put]);
        self.cci(&["tmux", "send", &at.name, word]).ok();
        wait::until("it is said", SOON, || {
            let said = self.said(at);
            if said.contains(&word) { Ok(()) } else { Err(format!("{said:?}")) }
        });
    }

    /// The one fork that there is, made of now.
    #[track_caller]
    pub(super) fn fork(&self) -> Place {
        let made = self.json(&["fork"]);
        let text = |key: &str| made["forks"][0][key].as_str().unwrap().to_owned();
        Place { name: text("container"), dir: text("workspace").into(), session: text("session_id") }
    }

    /// What a container has in `/etc/word`, asked without cci; nothing if there is no container.
    fn etc(&self, name: &str) -> Option<String> {
        let path = format!("{name}/etc/word");
        let there = self.host.containers().contains(&name.to_owned());
        there.then(|| incus(&["file", "pull", "--project", &self.host.project, &path, "-"]))
    }

    fn said(&self, at: &Place) -> Vec<&'static str> {
        let dir = self.host.home.join(".cci/sessions-claude").join(&at.session).join(".claude/projects/-workspace");
        let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let all: String = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
        WORDS.into_iter().filter(|word| all.contains(word)).collect()
    }

    /// What cci notes of the conversation of a place.
    pub(super) fn metadata(&self, at: &Place) -> Value {
        let path = self.host.home.join(".cci/sessions-claude").join(&at.session).join("metadata.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// What the origin is now.
    #[track_caller]
    pub(super) fn state(&self) -> State {
        self.state_of(&self.origin)
    }

    #[track_caller]
    pub(super) fn state_of(&self, at: &Place) -> State {
        let git = |args: &[&str]| {
            let mut command = self.host.command("git");
            command.env("GIT_OPTIONAL_LOCKS", "0").current_dir(&at.dir).args(args);
            run(command, b"").ok().stdout
        };
        let git = [
            git(&["status", "--porcelain", "--ignored"]),
            git(&["log", "--format=%H %s"]),
            git(&["diff", "--cached"]),
            git(&["fsck", "--no-dangling", "--no-reflogs"]),
        ];
        State { files: tree::without_git(&at.dir), git: git.concat(), etc: self.etc(&at.name), said: self.said(at) }
    }

    /// Starts a command and kills it with -9 after `delay`, or as soon as there is the journal of a rewind; whether it was
    /// still at work.
    pub(super) fn killed(&self, args: &[&str], delay: Option<Duration>) -> bool {
        let mut command = self.host.cci_command(args);
        command.env("CCI_USE_DUMMY", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, began) = (command.spawn().unwrap(), Instant::now());
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if delay.map_or_else(|| self.is_unfinished(), |delay| began.elapsed() >= delay) {
                kill_group(&child);
                child.wait().unwrap();
                return true;
            }
            std::thread::yield_now();
        }
    }

    /// Whether a rewind waits for its end.
    pub(super) fn is_unfinished(&self) -> bool {
        self.stores().iter().any(|dir| dir.join("rewind.json").exists())
    }

    /// The directories that have records.
    fn stores(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.host.home.join(".cci/checkpoints")).into_iter().flatten().flatten();
        all.map(|entry| entry.path()).filter(|dir| dir.join("store.git").exists()).collect()
    }

    /// Ends a rewind or an adoption that was disturbed, and checks that it came to one of its two ends; whether to the new one.
    #[track_caller]
    pub(super) fn ended(&self, end: &str, was: &State, becomes: &State, when: &str) -> bool {
        let unfinished = self.is_unfinished();
        let ended = self.cci(&["rewind", end]);
        let now = self.state();
        let when = format!("{when}\n{end}: {ended}");
        // one that has left no journal has not begun, or is complete
        let is_new = if unfinished { end == "--continue" } else { now == *becomes };
        same(&now, if is_new { becomes } else { was }, &when);
        let told = ended.stderr.contains("no rewind of this workspace was interrupted");
        assert!(if unfinished { ended.code == 0 } else { told }, "{when}");
        now == *becomes
    }

    /// Nothing is left of what was disturbed: besides these containers, and what the records name.
    #[track_caller]
    pub(super) fn assert_nothing_left(&self, containers: &[&str], when: &str) {
        self.cci(&["list"]).ok();
        wait::until(&format!("{when}\nthe containers are {containers:?}"), SOON, || {
            let there = self.host.containers();
            let same = there.len() == containers.len() && containers.iter().all(|name| there.contains(&(*name).into()));
            if same { Ok(()) } else { Err(format!("{there:?}")) }
        });
        let all = self.json(&["log", "--all"]);
        let all = all["checkpoints"].as_array().unwrap();
        let held = all.iter().filter(|one| one["holds"].as_array().unwrap().contains(&"container".into()));
        let mut named: Vec<String> = held.map(|one| format!("cci-cp-{}", one["id"].as_str().unwrap())).collect();
        named.sort();
        wait::until(&format!("{when}\ncopies and records are the same"), SOON, || {
            let mut there = self.host.roots();
            there.sort();
            if there == named { Ok(()) } else { Err(format!("there: {there:?}, named: {named:?}")) }
        });
        for name in containers {
            let snapshots =
                incus(&["query", &format!("/1.0/instances/{name}/snapshots?project={}", self.host.project)]);
            assert_eq!(snapshots.trim(), "[]", "{when}\nsnapshots of {name}");
        }
        assert!(!self.is_unfinished(), "{when}\na journal is left");
        let of_us =
            ["-name", ".cci-*", "-o", "-name", "tmp_*", "-o", "-name", "*.new", "-o", "-path", "*/unfinished/*"];
        let found = Command::new("find").args([&self.host.home, &self.origin.dir]).args(of_us).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{when}\nfiles are left");
        self.assert_stored(all, when);
    }

    /// Everything that the records name is in the store, as git sees it.
    #[track_caller]
    fn assert_stored(&self, all: &[Value], when: &str) {
        for dir in self.stores() {
            let nodes = std::fs::read_dir(dir.join("nodes")).unwrap().flatten();
            let nodes: Vec<String> = nodes.map(|node| std::fs::read_to_string(node.path()).unwrap()).collect();
            assert!(nodes.len() >= all.len(), "{when}");
            let hex = |word: &&str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let commits: Vec<Value> = nodes.iter().map(|node| serde_json::from_str(node).unwrap()).collect();
            let ids = commits.iter().flat_map(|node| ["tree", "talk", "git"].map(|part| node[part].to_string()));
            let ids: Vec<String> = ids.flat_map(|part| trees(&part)).filter(|id| hex(&id.as_str())).collect();
            let mut fsck = Command::new("git");
            fsck.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
            fsck.arg("--git-dir").arg(dir.join("store.git")).args(["fsck", "--no-dangling"]).args(ids);
            let fsck = fsck.output().unwrap();
            let told = String::from_utf8_lossy(&[fsck.stdout, fsck.stderr].concat()).into_owned();
            assert!(fsck.status.success(), "{when}\nthe store: {told}");
        }
    }

    /// The program itself finds all of it complete.
    #[track_caller]
    pub(super) fn assert_verified(&self, when: &str) {
        let doctor = self.cci(&["doctor", "--format", "json"]);
        let report: Value = serde_json::from_str(&doctor.stdout).unwrap_or_else(|error| panic!("{error}: {doctor}"));
        let of = report["findings"].as_array().unwrap().iter().find(|one| one["id"] == "checkpoints").unwrap();
        assert_eq!(of["status"], "ok", "{when}\n{of}");
    }
}

/// The ids of trees in a part of a record: the commit of a fork is in another repository.
fn trees(part: &str) -> Vec<String> {
    let part: Value = serde_json::from_str(part).unwrap();
    ["tree", "stat"].iter().filter_map(|key| part[key].as_str().map(str::to_owned)).collect()
}

/// Compares two states, and tells what differs.
#[track_caller]
pub(super) fn same(now: &State, then: &State, when: &str) {
    assert_eq!(tree::difference(&then.files, &now.files), "", "{when}");
    assert_eq!((&now.git, &now.etc, &now.said), (&then.git, &then.etc, &then.said), "{when}");
}

impl State {
    /// Whether both are the same but for where the current branch is called.
    #[track_caller]
    pub(super) fn assert_adopted(&self, of_fork: &Self) {
        same(self, of_fork, "after the adoption");
    }

    /// Whether this is a fork of that.
    #[track_caller]
    pub(super) fn assert_forked(&self, origin: &Self, name: &str) {
        same(self, origin, name);
    }
}
