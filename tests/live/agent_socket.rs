//! What an agent that may rewind can do through its socket, and what it cannot: to other sessions, to other workspaces,
//! and to the supervisor.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use serde_json::Value;

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1234, incus, run, supervisor};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

/// A host whose agents may rewind, and the API that they talk to.
struct World {
    host: Host,
    api: Anthropic,
}

impl World {
    fn new() -> Self {
        let host = Host::live(U1234);
        let config = host.dir("home/.config/cci").join("config.toml");
        std::fs::write(config, "[checkpoints]\nagent_may_rewind = true\n").unwrap();
        Self { host, api: Anthropic::start() }
    }

    /// Starts a session and waits for its prompt.
    fn session(&self, more: &[&str]) -> String {
        let flags = self.api.flags();
        let mut args = vec!["shell", "--background"];
        args.extend(more);
        args.extend(flags.iter().map(String::as_str));
        let name = self.host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
        self.shows(&name, "bypass permissions");
        name
    }

    #[track_caller]
    fn shows(&self, name: &str, text: &str) {
        wait::until(&format!("the agent shows {text:?}"), LONG, || {
            let out = self.host.cci(&["tmux", "capture", name, "--all"]);
            if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
        });
    }

    fn inside(&self, name: &str, script: &str) -> Output {
        let words = ["container", "exec", name, "--user", "code", "--", "bash", "-c", script];
        let mut command = self.host.cci_command(&words);
        command.stdin(Stdio::null());
        run(command, b"")
    }

    /// What the supervisor answers to a request for a rewind: the status and the code of the refusal.
    fn asks(&self, name: &str, to: &str) -> String {
        let ask = format!(
            "curl -s -w '%{{http_code}}' --unix-socket /run/cci/agent.sock -H Expect: \
             --data-binary '{{\"to\":\"{to}\"}}' http://cci/rewind"
        );
        self.inside(name, &ask).ok().stdout
    }

    fn checkpoint(&self, more: &[&str]) -> String {
        self.host.cci(&[more, &["checkpoint"]].concat()).ok().stdout.trim().to_owned()
    }

    /// Which container has which conversation: of one that has been ended since, another launch.
    fn containers(&self) -> String {
        incus(&["list", "--project", &self.host.project, "-f", "csv", "-c", "n,user.cci.launch", &self.host.prefix])
    }

    fn supervisor(&self) -> Pid {
        supervisor::of(&self.host.home).expect("it runs")
    }
}

#[test]
fn an_agent_rewinds_no_other_session_and_no_other_workspace() {
    let world = World::new();
    let (one, other) = (world.session(&["--slot", "1"]), world.session(&["--slot", "2"]));
    let content = || std::fs::read_to_string(world.host.proj.join("word")).unwrap_or_default();
    std::fs::write(world.host.proj.join("word"), "first").unwrap();
    let own = world.checkpoint(&["--slot", "1"]);
    std::fs::write(world.host.proj.join("word"), "second").unwrap();
    let others = world.checkpoint(&["--slot", "2"]);
    let elsewhere = world.host.dir("elsewhere");
    let foreign = world.checkpoint(&["-w", elsewhere.to_str().unwrap()]);
    let before = world.containers();
    for (to, why) in [(&others, "does not belong to this session"), (&foreign, "not found")] {
        let refused = world.asks(&one, to);
        assert!(refused.contains(why) && refused.ends_with("409"), "{refused}");
    }
    // what it is not to rewind to it is not told of
    let told: Value = serde_json::from_str(&world.inside(&one, "cci-checkpoint log").ok().stdout).unwrap();
    let told: Vec<&str> =
        told["checkpoints"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(told.contains(&own.as_str()) && !told.contains(&others.as_str()), "{told:?}");
    assert_eq!(world.containers(), before, "nobody was ended");
    assert_eq!(content(), "second");

    let done = world.asks(&one, &own);
    assert!(done.contains("rewinding") || done.ends_with("202"), "{done}");
    wait::until("its own is brought back", LONG, || if content() == "first" { Ok(()) } else { Err(content()) });
    world.shows(&one, &own);
    let launch = |all: &str, name: &str| all.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    let after = world.containers();
    assert_ne!(launch(&after, &one), launch(&before, &one));
    assert_eq!(launch(&after, &other), launch(&before, &other), "the other goes on");
}

/// A megabyte of nothing that anybody understands, by each way in, and more questions than are answered.
const JUNK: &str = r#"
cd /tmp
head -c 1M /dev/urandom >junk
printf '{"to":"' >long; head -c 1M /dev/zero | tr '\0' a >>long; printf '"}' >>long
ask() { curl -s -m 20 -o /dev/null -w '%{http_code}\n' --unix-socket /run/cci/agent.sock -H Expect: --data-binary @$2 http://cci/$1; }
for body in junk long; do
    for path in rewind checkpoint turn-start turn-end log nothing; do ask $path $body; done
done
python3 - <<'P'
import socket
for head in (b'', b'POST /rewind HTTP/1.1\r\nx: ', b'POST /rewind HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n'):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect('/run/cci/agent.sock')
    try:
        s.sendall(head + open('/tmp/junk', 'rb').read()); s.shutdown(1)
        while s.recv(4096): pass
    except OSError: pass
P
"#;
const FLOOD: &str = r#"
ask() { echo --next; printf '%s\n' 'unix-socket = /run/cci/agent.sock' 'data-binary = @/tmp/to' 'url = http://cci/rewind' \
    'output = /dev/null' 'write-out = "%{http_code}\n"'; }
echo '{"to":"ffffffffff"}' >/tmp/to
for n in $(seq 120); do ask; done | tail -n +2 | curl -s -K - | sort | uniq -c
"#;

#[test]
fn junk_and_a_flood_of_questions_cost_nobody_anything() {
    let world = World::new();
    let name = world.session(&[]);
    let own = world.checkpoint(&[]);
    let (pid, before) = (world.supervisor(), world.containers());
    let junk = world.inside(&name, JUNK).ok();
    let accepted = junk.stdout.lines().filter(|status| ["202", "500"].contains(status));
    assert_eq!(accepted.count(), 0, "{junk}");
    let flood = world.inside(&name, FLOOD).ok().stdout;
    let of = |status: &str| {
        let line = flood.lines().find(|line| line.trim().ends_with(status)).unwrap_or_default();
        line.split_whitespace().next().map_or(0, |count| count.parse::<u32>().unwrap())
    };
    assert!(of("429") > 40 && of("409") + of("429") == 120, "{flood}");
    assert_eq!((world.supervisor(), world.containers()), (pid, before), "it is the same, and nothing was ended");
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    assert!(most.parse::<u32>().unwrap() < 100_000, "it took {most} kB");
    // whoever asks next is answered, once its share has filled again
    wait::until("the agent rewinds", LONG, || {
        let answer = world.asks(&name, &own);
        if answer.ends_with("202") || answer.ends_with("200") || answer.is_empty() { Ok(()) } else { Err(answer) }
    });
    world.shows(&name, &own);
}
