//! A home that the daemon cannot reach: the conversation is in a storage volume, and nothing else is different.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::bed::{assert_tells, entries};
use super::cut::{Cut, cut_at, words};
use crate::support::host::{Host, Output, U1000, U1234, User, daemon_socket, files, incus};
use crate::support::proxy::Proxy;
use crate::support::wait;

/// A user whose home is in a mount namespace that Incus is not in.
struct Hidden {
    host: Host,
    proxy: Proxy,
    holder: Child,
    /// A volume says whose it is and not which test made it: these tests come one after the other.
    _turn: File,
}

impl Hidden {
    fn new(user: User) -> Self {
        let turn = File::create(files().join("cci-test-volumes.lock")).unwrap();
        turn.lock().unwrap();
        let proxy = Proxy::start(&daemon_socket());
        let host = Host::live(user).at_socket(proxy.socket());
        let options = format!("mode=0700,uid={},gid={},size=64m", user.uid, user.gid());
        let script = "mount -t tmpfs -o \"$1\" hidden \"$2\" && echo ready && exec cat";
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--propagation=private", "sh", "-c", script, "sh", &options]).arg(&host.home);
        // it ends with this end of its input
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let host = host.within(holder.id());
        proxy.behave();
        Self { host, proxy, holder, _turn: turn }
    }

    /// The store as the user sees it.
    fn store(&self) -> PathBuf {
        let home = self.host.home.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(home).join(".cci/sessions-claude")
    }

    fn launch(&self, args: &[&str]) -> (String, String) {
        let out = self.host.cci(&[&["shell", "--background", "--debug"], args].concat()).ok();
        let mut words = out.stdout.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    fn in_container(&self, name: &str, script: &str) -> Output {
        self.host.cci(&["container", "exec", "--user", "code", name, "--", "sh", "-c", script])
    }

    /// What the host's own configuration says to every agent.
    fn tell_agents(&self, text: &str) {
        let words = "mkdir -p ~/.claude && printf %s \"$1\" >~/.claude/CLAUDE.md";
        let mut write = self.host.command("sh");
        write.args(["-c", words, "sh", text]);
        crate::support::host::run(write, b"").ok();
    }

    /// The volumes of this user's conversations.
    fn volumes(&self) -> Vec<String> {
        let uid = self.host.user.uid.to_string();
        let all = query(&format!("/1.0/storage-pools/{}/volumes/custom?recursion=1", pool()));
        let own =
            all.as_array().unwrap().iter().filter(|volume| volume["config"]["user.cci.owner-uid"] == uid.as_str());
        own.map(|volume| volume["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.host.remove_containers();
        for name in self.volumes() {
            let _ = Command::new("incus").args(["storage", "volume", "delete", &pool(), &name]).output();
        }
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

impl Cut for Hidden {
    fn host(&self) -> &Host {
        &self.host
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }
}

fn query(path: &str) -> Value {
    serde_json::from_str(&incus(&["query", path])).unwrap()
}

fn pool() -> String {
    query("/1.0/profiles/default")["devices"]["root"]["pool"].as_str().unwrap().to_owned()
}

#[test]
fn a_conversation_beyond_the_daemons_reach_survives_in_a_volume_and_comes_home() {
    let hidden = Hidden::new(U1000);
    hidden.tell_agents("one");
    let (name, id) = hidden.launch(&[]);
    assert_eq!(hidden.volumes(), [format!("cci-session-{id}")]);
    let transcript = format!("projects/-workspace/{id}.jsonl");
    let say = |name: &str, word: &str| {
        let file = format!("\"$CLAUDE_CONFIG_DIR/{transcript}\"");
        let typed = format!("mkdir -p $CLAUDE_CONFIG_DIR/projects/-workspace; echo {word} >>{file}; sync");
        hidden.host.cci(&["tmux", "send", name, &typed]).ok();
        wait::until("the agent has written", Duration::from_secs(30), || {
            let there = hidden.in_container(name, &format!("grep {word} ~/.claude/{transcript}"));
            if there.code == 0 { Ok(()) } else { Err(there.to_string()) }
        });
    };
    let at_home = || std::fs::read_to_string(hidden.store().join(&id).join(".claude").join(&transcript)).unwrap();
    say(&name, "first");
    let owned = hidden.in_container(&name, "stat -c %u:%g:%a ~/.claude ~/.claude/settings.json").ok();
    assert_eq!(owned.stdout, "1000:1000:700\n1000:1000:600\n", "what was planted is the agent's");

    assert_eq!(hidden.in_container(&name, "cat ~/.claude/CLAUDE.md").ok().stdout, "one");
    hidden.tell_agents("two");
    // nobody of cci's sees this end
    incus(&["delete", "-f", "--project", &hidden.host.project, &name]);
    let (again, same) = hidden.launch(&["--resume"]);
    assert_eq!(same, id);
    assert_eq!(at_home(), "first\n", "it came home before it went on");
    let told = hidden.in_container(&again, "cat ~/.claude/CLAUDE.md").ok().stdout;
    assert_eq!(told, "two", "what the host gives to an agent is new at each launch");
    say(&again, "second");
    assert_eq!(hidden.in_container(&again, &format!("cat ~/.claude/{transcript}")).ok().stdout, "first\nsecond\n");
    hidden.host.cci(&["kill", &again]).ok();
    assert_eq!(at_home(), "first\nsecond\n");
    let mut beside = entries(&hidden.store().join(&id));
    beside.sort();
    assert_eq!(beside, [".claude", "from-host", "metadata.json"], "no staging is left beside the conversation");
    assert!(entries(&hidden.store().with_file_name("unfinished")).is_empty(), "no notes are left");

    let ran = hidden.host.cci(&["run", "--", "sh", "-c", "getent hosts localhost && touch /workspace/made"]).ok();
    assert!(hidden.host.proj.join("made").exists(), "{ran}");
    hidden.host.cci(&["clean", "--sessions", "--force"]).ok();
    assert!(hidden.volumes().is_empty(), "{:?}", hidden.volumes());
    assert!(entries(&hidden.store()).is_empty());
}

#[test]
fn a_persistent_container_takes_a_conversation_beyond_the_daemons_reach() {
    let hidden = Hidden::new(U1234);
    hidden.host.cci(&["run", "--persistent", "--", "true"]).ok();
    let (name, id) = hidden.launch(&["--persistent"]);
    assert_eq!(hidden.host.only_container(), name);
    hidden.in_container(&name, "echo kept >~/.claude/kept").ok();
    hidden.host.cci(&["container", "stop", &name]).ok();
    let (again, same) = hidden.launch(&["--resume"]);
    assert_eq!((again, same), (name.clone(), id));
    assert_eq!(hidden.in_container(&name, "cat ~/.claude/kept").ok().stdout, "kept\n");
    hidden.host.cci(&["kill", "--all", "--force"]).ok();
    hidden.host.cci(&["clean", "--sessions", "--force"]).ok();
    assert!(hidden.volumes().is_empty(), "{:?}", hidden.volumes());

    let stopped = |hidden: &Hidden| {
        hidden.proxy.behave();
        if hidden.host.containers().is_empty() {
            hidden.host.cci(&["run", "--persistent", "--", "true"]).ok();
        }
        words("shell --background --persistent")
    };
    cut_at(&hidden, "shell --persistent beyond reach", 7, stopped, |hidden, out, when| {
        hidden.proxy.behave();
        if out.code == 0 {
            hidden.host.cci(&["kill", "--all", "--force"]).ok();
            hidden.host.cci(&["clean", "--sessions", "--force"]).ok();
        } else {
            assert_tells(out, 1, when);
        }
        let next = hidden.host.cci(&["list"]).ok();
        assert!(hidden.volumes().is_empty(), "{when}: {:?}; next command: {next}", hidden.volumes());
        assert_eq!(entries(&hidden.store()), Vec::<String>::new(), "{when}; next command: {next}");
    });
}

#[test]
fn a_cut_launch_beyond_the_daemons_reach_leaves_no_volume() {
    let hidden = Hidden::new(crate::support::host::ROOT);
    let before = hidden.volumes();
    cut_at(
        &hidden,
        "shell beyond reach",
        6,
        |_| words("shell --background"),
        |hidden, out, when| {
            hidden.proxy.behave();
            if out.code == 0 {
                hidden.host.cci(&["kill", "--all", "--force"]).ok();
                let clean = hidden.host.cci(&["clean", "--sessions", "--force"]);
                assert_eq!(clean.code, 0, "{when}: {clean}");
            } else {
                assert_tells(out, 1, when);
            }
            let next = hidden.host.cci(&["list"]).ok();
            hidden.host.wait_until_gone();
            assert_eq!(hidden.volumes(), before, "{when}; next command: {next}");
            assert_eq!(entries(&hidden.store()), Vec::<String>::new(), "{when}; next command: {next}");
        },
    );
}
