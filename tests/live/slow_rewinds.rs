//! Rewinds where something takes long: a storage pool that copies every file, an agent that does not answer.

use serde_json::Value;

use crate::support::host::{Host, Output, U1234, incus};

const DUMMY: [(&str, &str); 1] = [("CCI_USE_DUMMY", "1")];

/// A session of the stand-in agent in the background, with a word in its container.
struct Session {
    host: Host,
    name: String,
}

impl Session {
    fn start(config: &str, flags: &[&str]) -> Self {
        let host = Host::live(U1234);
        std::fs::write(host.dir("home/.config/cci").join("config.toml"), config).unwrap();
        host.cci_with(&[flags, &["shell", "--background"]].concat(), &DUMMY, b"").ok();
        let name = host.only_container();
        Self { host, name }
    }

    fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, &DUMMY, b"").ok()
    }

    fn inside(&self, container: &str, script: &str) -> String {
        incus(&["exec", "--project", &self.host.project, container, "--", "bash", "-c", script])
    }

    fn write(&self, word: &str) {
        self.inside(&self.name, &format!("echo {word} >/etc/word"));
    }

    fn word(&self, container: &str) -> String {
        self.inside(container, "cat /etc/word")
    }
}

/// A storage pool without copy-on-write, which goes after everything in it.
struct DirPool(String);

impl DirPool {
    fn new() -> Self {
        let name = format!("cci-test-dir-{}", std::process::id());
        incus(&["storage", "create", &name, "dir"]);
        Self(name)
    }
}

impl Drop for DirPool {
    fn drop(&mut self) {
        let _ = std::process::Command::new("incus").args(["storage", "delete", &self.0]).output();
    }
}

/// Leaves what a session of the stand-in agent needs, so that a copy in full is a matter of seconds.
const TRIM: &str = "rm -rf /usr/local/lib/node_modules /usr/libexec/docker /usr/libexec/gcc /usr/include /usr/share/perl \
                    /usr/lib/gcc; find /usr/bin /usr/sbin /usr/local/bin -xdev -type f -size +9M ! -name 'python*' -exec rm -f {} +";

#[test]
fn a_pool_that_copies_in_full_is_told_of_once_and_rewinds_and_forks_work_there() {
    let pool = DirPool::new();
    let session = Session::start(&format!("[incus]\nstorage_pool = \"{}\"\n", pool.0), &[]);
    session.inside(&session.name, TRIM);
    session.write("one");
    let told = |out: &Output| out.stderr.matches("its storage pool copies in full").count();
    let first = session.cci(&["checkpoint"]);
    assert_eq!(told(&first), 1, "{first}");
    let first = first.stdout.trim();
    session.write("two");
    let rewound = session.cci(&["rewind", "--yes", first, "--format", "json"]);
    assert_eq!(told(&rewound), 0, "{rewound}");
    let parts = &serde_json::from_str::<Value>(&rewound.stdout).unwrap()["parts"];
    assert!(parts.as_array().unwrap().contains(&"container".into()), "{rewound}");
    assert_eq!(session.word(&session.name), "one\n");
    let made = session.cci(&["fork", first, "--format", "json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(session.word(made["forks"][0]["container"].as_str().unwrap()), "one\n");
    drop(session);
}

#[test]
fn an_agent_that_hangs_keeps_nobody_from_rewinding_it() {
    let session = Session::start("", &["-e", "GIVEN=then"]);
    session.write("one");
    let first = session.cci(&["checkpoint"]).stdout.trim().to_owned();
    session.write("two");
    session.inside(&session.name, "pkill -STOP -x 'tmux: server'");
    let out = session.cci(&["rewind", "--yes", &first]);
    assert!(out.stderr.contains("does not say which variables its agent was given"), "{out}");
    assert!(out.stderr.contains("hint: give them again with -e"), "{out}");
    assert_eq!(session.word(&session.name), "one\n");
    session.cci(&["tmux", "send", &session.name, "hello"]);
}
