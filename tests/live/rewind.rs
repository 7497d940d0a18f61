//! A rewind brings container, workspace and conversation back together, with the real Claude Code.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1000, U1234, exec_in_background, run};
use crate::support::screen::Screen;
use crate::support::{tree, wait};

const LONG: Duration = Duration::from_secs(90);

/// What a session is at one moment, seen without cci.
#[derive(Debug, PartialEq, Eq)]
struct State {
    files: BTreeMap<PathBuf, String>,
    git: String,
    etc: String,
    package: String,
}

/// A session with the real agent in a terminal, and the stub that it talks to.
struct Session {
    host: Host,
    api: Anthropic,
    screen: Screen,
    name: String,
}

impl Session {
    fn start(host: Host, more: &str) -> Self {
        let (api, screen) = (Anthropic::start(), Screen::open(&host));
        let flags = api.flags().join(" ");
        screen.enter(&format!("cci shell {more} {flags}"));
        screen.wait_for("bypass permissions", LONG);
        let name = host.only_container();
        Self { host, api, screen, name }
    }

    /// Gives the agent a script to run as a prompt of its own, and waits for the end of the turn.
    #[track_caller]
    fn turn(&self, word: &str, script: &str) {
        // the agent's own directory, so that the workspace holds only what the script makes
        let state = self.state_dir();
        let (turn, ends) = (state.join("turn"), state.join("ends"));
        std::fs::write(&turn, format!("cd /workspace\n{script}\necho $? >~/.claude/ends\n")).unwrap();
        self.host.cci(&["tmux", "send", &self.name, &format!("run: bash ~/.claude/turn {word}")]).ok();
        wait::until("the turn ends", LONG, || {
            let shown = self.screen.text();
            let ended = std::fs::read_to_string(&ends).is_ok_and(|status| status.ends_with('\n'))
                && shown.contains("I have seen");
            if ended { Ok(()) } else { Err(shown) }
        });
        assert_eq!(std::fs::read_to_string(&ends).unwrap().trim(), "0", "{}", self.screen.text());
        std::fs::remove_file(ends).unwrap();
        std::fs::remove_file(turn).unwrap();
    }

    fn state_dir(&self) -> PathBuf {
        let session = self.host.sessions().pop().unwrap();
        self.host.home.join(".cci/sessions-claude").join(session).join(".claude")
    }

    fn inside(&self, command: &str) -> String {
        let out = self.host.cci(&["container", "exec", &self.name, "--user", "code", "--", "bash", "-c", command]);
        out.stdout
    }

    fn state(&self) -> State {
        let git = |args: &[&str]| {
            let mut command = self.host.command("git");
            command.env("GIT_OPTIONAL_LOCKS", "0").args(["-C", self.host.proj.to_str().unwrap()]).args(args);
            run(command, b"").stdout
        };
        let git = [
            git(&["status", "--porcelain", "--ignored"]),
            git(&["log", "--format=%H %s"]),
            git(&["stash", "list"]),
            git(&["rev-parse", "HEAD"]),
            git(&["symbolic-ref", "HEAD"]),
        ];
        State {
            files: tree::without_git(&self.host.proj),
            git: git.concat(),
            etc: self.inside("cat /etc/probe /etc/motd.d/x 2>&1"),
            package: self.inside("dpkg-query -W -f '${Status}' probe 2>&1; probe 2>&1"),
        }
    }

    fn rewind(&self, args: &[&str]) -> Value {
        let mut words = vec!["rewind", "--yes", "--format", "json"];
        words.extend(args);
        let out = self.host.cci(&words).ok();
        serde_json::from_str(&out.stdout).unwrap()
    }

    fn checkpoint(&self) -> String {
        self.host.cci(&["checkpoint"]).ok().stdout.trim().to_owned()
    }

    /// Waits until the agent has its prompt again in the terminal that was attached all along.
    #[track_caller]
    fn is_back(&self) {
        self.screen.wait_for("bypass permissions", LONG);
    }
}

const FIRST: &str = "set -e; git init -q -b main . && git config user.name a && git config user.email a@b \
    && mkdir -p empty sub/deep ignored && printf 'one\\r\\n' >file && ln -s /etc/passwd link && chmod 640 file \
    && printf ignored/ >.gitignore && echo i >ignored/i && echo u >untracked && git add file sub link .gitignore \
    && git commit -qm first && touch -d @1000000000.123456789 file empty \
    && mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin && printf '#!/bin/sh\\necho probe runs\\n' >/tmp/p/usr/bin/probe \
    && chmod 755 /tmp/p/usr/bin/probe && printf 'Package: probe\\nVersion: 1\\nArchitecture: all\\nMaintainer: a\\nDescription: a\\n' \
    >/tmp/p/DEBIAN/control && dpkg-deb -b /tmp/p /tmp/probe.deb >/dev/null && sudo apt-get install -y /tmp/probe.deb >/dev/null 2>&1 \
    && echo then | sudo tee /etc/probe >/dev/null";

const SECOND: &str = "set -e; rm file link && rmdir empty && echo changed >ignored/i && echo changed >untracked \
    && echo now | sudo tee /etc/probe >/dev/null && sudo mkdir -p /etc/motd.d && echo x | sudo tee /etc/motd.d/x >/dev/null \
    && sudo apt-get remove -y probe >/dev/null 2>&1; echo a >sub/new && git add -A && git commit -qm second \
    && echo b >sub/new && git commit -qam third && echo c >sub/new && git stash -q && sudo touch sub/of-root";

#[test]
fn a_turn_is_rewound_whole_in_the_attached_terminal_and_brought_back() {
    for user in [U1000, U1234] {
        let session = Session::start(Host::live(user), "");
        session.turn("first", FIRST);
        let (first, then) = (session.checkpoint(), session.state());
        assert!(then.package.contains("probe runs") && then.etc.starts_with("then"), "{then:?}");
        session.turn("second", SECOND);
        let later = session.state();
        assert_ne!(then, later);
        let rewound = session.rewind(&[&first]);
        assert_eq!(rewound["parts"], serde_json::json!(["container", "workspace", "conversation"]), "{rewound}");
        session.is_back();
        same(&session.state(), &then);
        session.turn("third", "true");
        assert!(session.api.saw_together(&["turn first", "turn third"]), "the first turn is remembered");
        assert!(!session.api.saw_together(&["turn second", "turn third"]), "the second turn is forgotten");
        let back = rewound["from"].as_str().unwrap();
        session.rewind(&[back]);
        session.is_back();
        same(&session.state(), &later);
    }
}

#[track_caller]
fn same(now: &State, then: &State) {
    assert_eq!(tree::difference(&then.files, &now.files), "");
    assert_eq!((&now.git, &now.etc, &now.package), (&then.git, &then.etc, &then.package));
}

#[test]
fn an_agent_in_the_middle_of_a_tool_call_is_rewound() {
    let session = Session::start(Host::live(U1234), "");
    session.turn("first", "echo one >a; echo then | sudo tee /etc/probe >/dev/null");
    let (first, then) = (session.checkpoint(), session.state());
    std::fs::write(session.state_dir().join("long"), "echo two >/workspace/a; sudo rm /etc/probe; sleep 600").unwrap();
    session.host.cci(&["tmux", "send", &session.name, "run: bash ~/.claude/long"]).ok();
    wait::until("the tool runs", LONG, || {
        let said = std::fs::read_to_string(session.host.proj.join("a")).unwrap();
        if said == "two\n" { Ok(()) } else { Err(said) }
    });
    session.rewind(&[&first]);
    session.is_back();
    same(&session.state(), &then);
    session.turn("next", "true");
    assert!(session.api.saw_together(&["turn first", "turn next"]));
    assert!(!session.api.saw_together(&[".claude/long", "turn next"]), "what was in progress is forgotten");
}

/// A session of the stand-in agent in the background: quicker, and without an account.
struct Dummy {
    host: Host,
    name: String,
}

const DUMMY: &[(&str, &str)] = &[("CCI_USE_DUMMY", "1")];

impl Dummy {
    fn start(user: crate::support::host::User, more: &[&str]) -> Self {
        let host = Host::live(user);
        let mut args = vec!["shell", "--background"];
        args.extend(more);
        host.cci_with(&args, DUMMY, b"").ok();
        let name = host.only_container();
        let dummy = Self { host, name };
        dummy.say("hello");
        dummy
    }

    fn cci(&self, args: &[&str]) -> crate::support::host::Output {
        self.host.cci_with(args, DUMMY, b"")
    }

    #[track_caller]
    fn say(&self, text: &str) {
        self.cci(&["tmux", "send", &self.name, text]).ok();
        self.shows(&format!("{text}-BACK"));
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        wait::until(&format!("it shows {text}"), LONG, || {
            let out = self.cci(&["tmux", "capture", &self.name, "--all"]);
            if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
        });
    }

    /// Writes a word to the workspace, to the container and, by saying it, to the conversation.
    fn write(&self, word: &str) {
        std::fs::write(self.host.proj.join("word"), word).unwrap();
        self.cci(&["container", "exec", &self.name, "--", "sh", "-c", &format!("echo {word} >/etc/word")]).ok();
        self.say(word);
    }

    /// The word of each: workspace, container, and whether the conversation has it.
    #[track_caller]
    fn has(&self, workspace: &str, container: &str, said: &[&str], not_said: &[&str]) {
        assert_eq!(std::fs::read_to_string(self.host.proj.join("word")).unwrap(), workspace);
        let out = self.cci(&["container", "exec", &self.name, "--", "cat", "/etc/word"]).ok();
        assert_eq!(out.stdout.trim(), container);
        for word in said {
            self.shows(&format!("{word}-BACK"));
        }
        let shown = self.cci(&["tmux", "capture", &self.name, "--all"]).stdout;
        assert!(not_said.iter().all(|word| !shown.contains(word)), "{shown}");
    }

    fn checkpoint(&self) -> String {
        self.cci(&["checkpoint"]).ok().stdout.trim().to_owned()
    }
}

#[test]
fn a_session_whose_container_is_gone_comes_back_whole() {
    let dummy = Dummy::start(U1234, &[]);
    dummy.write("one");
    let first = dummy.checkpoint();
    dummy.write("two");
    let _ = dummy.cci(&["container", "exec", &dummy.name, "--", "systemctl", "poweroff", "--no-block"]);
    dummy.host.wait_until_gone();
    dummy.cci(&["rewind", &first]).ok();
    dummy.has("one", "one", &["hello", "one"], &["two"]);
    dummy.cci(&["kill", &dummy.name]).ok();
    dummy.host.wait_until_gone();
    dummy.write_files("three");
    dummy.cci(&["rewind", &first]).ok();
    dummy.has("one", "one", &["hello", "one"], &["two"]);
}

impl Dummy {
    fn write_files(&self, word: &str) {
        std::fs::write(self.host.proj.join("word"), word).unwrap();
    }
}

#[test]
fn a_persistent_container_is_rewound_running_and_stopped_and_stays_persistent() {
    let dummy = Dummy::start(U1000, &["--persistent"]);
    dummy.write("one");
    let first = dummy.checkpoint();
    dummy.write("two");
    dummy.cci(&["rewind", &first]).ok();
    dummy.has("one", "one", &["one"], &["two"]);
    let second = dummy.cci(&["log", "--format", "json"]).ok().stdout;
    let log: Value = serde_json::from_str(&second).unwrap();
    let before = log["checkpoints"][0]["id"].as_str().unwrap().to_owned();
    dummy.cci(&["container", "stop", "--force", &dummy.name]).ok();
    dummy.cci(&["rewind", &before]).ok();
    dummy.has("two", "two", &["one", "two"], &[]);
    let list = dummy.cci(&["list", "--format", "json"]).ok().stdout;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["active_containers"][0]["persistent"], true, "{list}");
    assert_eq!(list["active_containers"][0]["checkpoint"], before.as_str(), "{list}");
}

#[test]
fn a_part_comes_back_alone() {
    let dummy = Dummy::start(U1234, &[]);
    dummy.write("one");
    let first = dummy.checkpoint();
    dummy.write("two");
    dummy.cci(&["rewind", &first, "--only", "workspace"]).ok();
    dummy.has("one", "two", &["one", "two"], &[]);
    dummy.cci(&["rewind", &first, "--only", "conversation"]).ok();
    dummy.has("one", "two", &["one"], &["two"]);
    dummy.cci(&["rewind", &first, "--only", "container"]).ok();
    dummy.has("one", "one", &["one"], &["two"]);
}

#[test]
fn what_has_expired_by_now_is_brought_back_all_the_same() {
    let dummy = Dummy::start(U1234, &[]);
    dummy.write("one");
    let first = dummy.checkpoint();
    let stores = std::fs::read_dir(dummy.host.home.join(".cci/checkpoints")).unwrap();
    let mut records = stores.map(|store| store.unwrap().path().join(format!("nodes/{first}.json")));
    let record = records.find(|path| path.exists()).unwrap();
    let mut taken: Value = serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    taken["at"] = "2020-01-01T00:00:00.000Z".into();
    std::fs::write(&record, taken.to_string()).unwrap();
    dummy.write("two");
    dummy.cci(&["rewind", &first]).ok();
    dummy.has("one", "one", &["one"], &["two"]);
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let dummy = Dummy::start(U1234, &[]);
    dummy.write("one");
    let first = dummy.checkpoint();
    for (args, words) in [
        (vec!["rewind", "0000"], "not found"),
        (vec!["rewind", "nonsense"], "is not a checkpoint"),
        (vec!["rewind", "~99"], "there are only 0"),
        (vec!["rewind", "--continue"], "no rewind of this workspace was interrupted"),
        (vec!["rewind", "--abort"], "no rewind of this workspace was interrupted"),
        (vec!["rewind"], "ID|~N"),
        (vec!["diff", "0000"], "not found"),
    ] {
        let out = dummy.cci(&args);
        assert!(out.code != 0 && out.stderr.contains(words), "{args:?}: {out}");
    }
    let elsewhere = dummy.host.dir("elsewhere");
    let out = dummy.cci(&["rewind", "-w", elsewhere.to_str().unwrap(), &first]);
    assert!(out.code == 1 && out.stderr.contains("not found"), "{out}");
    dummy.has("one", "one", &["one"], &[]);
}

/// Traces a child that writes to the workspace: what somebody traces is not made to stand still.
const TRACED: &str = r#"
import ctypes, os, signal, time
child = os.fork()
if child == 0:
    while True:
        with open("/workspace/late", "a") as file:
            file.write("late\n")
        time.sleep(0.0005)
seize = 0x4206
assert ctypes.CDLL(None).ptrace(seize, child, None, None) == 0
open("/workspace/traced", "w").close()
signal.pause()
"#;

#[test]
fn what_is_written_until_the_end_of_the_container_does_not_stay() {
    let dummy = Dummy::start(U1234, &[]);
    dummy.write("one");
    let first = dummy.checkpoint();
    let writer = ["python3", "-c", TRACED];
    let mut writer = exec_in_background(&dummy.host.project, &dummy.name, &writer);
    let traced = dummy.host.proj.join("traced");
    wait::until("the writer is traced", LONG, || if traced.exists() { Ok(()) } else { Err(String::new()) });
    dummy.cci(&["rewind", &first]).ok();
    writer.wait().unwrap();
    dummy.has("one", "one", &["one"], &[]);
    let mut files: Vec<_> =
        std::fs::read_dir(&dummy.host.proj).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["word"]);
}
