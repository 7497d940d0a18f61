//! The hooks of the real agent reach the supervisor, which comes and goes with the sessions, and no launch needs it.

use std::fs::OpenOptions;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::claude::shows;
use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, ROOT, U1000, U1234, User, incus, run, supervisor};
use crate::support::screen::Screen;
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

/// Starts a session in the background and waits for the agent's prompt.
#[track_caller]
fn background(host: &Host, api: &Anthropic) -> String {
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let out = host.cci(&args).ok();
    assert!(!out.stderr.contains("checkpoints"), "{out}");
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    shows(host, &name, "bypass permissions");
    name
}

#[track_caller]
fn logged(host: &Host, text: &str) {
    wait::until(&format!("the supervisor logs {text:?}"), LONG, || {
        let out = host.cci(&["supervisor", "logs"]).ok();
        if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
    });
}

fn status(host: &Host) -> Value {
    serde_json::from_str(&host.cci(&["supervisor", "status", "--format", "json"]).ok().stdout).unwrap()
}

/// Types a prompt and waits until the agent has answered it, and the supervisor has heard of both ends of the turn.
#[track_caller]
fn turn(host: &Host, name: &str, prompt: &str) {
    host.cci(&["tmux", "send", name, prompt]).ok();
    shows(host, name, &format!("echo <{prompt}>"));
    logged(host, &format!("turn-start '{prompt}'"));
    logged(host, &format!("turn-end '{prompt}'"));
}

/// Both ends of a turn arrive; killed, the supervisor is there again with the next command; with the last container go
/// its note and its directory.
fn hears_of_turns(user: User) {
    let (host, api) = (Host::live(user), Anthropic::start());
    if user == ROOT {
        std::os::unix::fs::chown(&host.proj, Some(U1000.uid), Some(U1000.gid())).unwrap();
    }
    let name = background(&host, &api);
    // what the system writes while it boots is a change
    let up = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait";
    host.cci(&["container", "exec", &name, "--", "sh", "-c", up]).ok();
    let seen = status(&host);
    assert_eq!(seen["running"], true, "{seen}");
    turn(&host, &name, "the first is apple");
    assert_eq!(status(&host)["sessions"][0]["container"], name);

    let killed = supervisor::kill(&host.home);
    host.cci(&["list"]).ok();
    wait::until("there is another one", LONG, || match supervisor::of(&host.home) {
        Some(pid) if pid != killed => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let session = seen["sessions"][0]["session"].as_str().unwrap().to_owned();
    let run = host.home.join(".cci/run");
    let socket = run.join(&session).join("agent.sock");
    wait::until("it listens again", LONG, || {
        std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
    });
    // the system and the agent may still write something of their own
    wait::until("nothing changes in the container", LONG, || {
        let out = host.cci(&["checkpoint"]).ok();
        if out.stderr.contains("nothing has changed") { Ok(()) } else { Err(out.to_string()) }
    });
    let taken = || {
        let log: Value = serde_json::from_str(&host.cci(&["log", "--format", "json"]).ok().stdout).unwrap();
        let taken = log["checkpoints"].as_array().unwrap().iter();
        taken.map(|one| format!("{} {}", one["cause"], one["prompt"])).collect::<Vec<_>>()
    };
    let before = taken();
    assert_eq!(before.last().unwrap(), "\"turn-start\" \"the first is apple\"");
    turn(&host, &name, "the second is pear");
    assert_eq!(taken(), before, "what was only said makes no checkpoint");
    std::fs::write(host.proj.join("plum"), "plum").unwrap();
    turn(&host, &name, "the third is plum");
    assert_eq!(taken()[0], "\"turn-start\" \"the third is plum\"");

    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    wait::until("what it had on the host is removed", LONG, || {
        let left =
            [run.join(&session), run.join(format!("{session}.json"))].iter().filter(|path| path.exists()).count();
        if left == 0 { Ok(()) } else { Err(host.cci(&["supervisor", "logs"]).to_string()) }
    });
}

#[test]
fn the_real_agents_turns_are_heard_of_as_1234() {
    hears_of_turns(U1234);
}

#[test]
fn the_real_agents_turns_are_heard_of_as_root_in_a_users_workspace() {
    hears_of_turns(ROOT);
}

#[test]
fn killed_while_a_session_is_attached_it_is_started_again_by_that() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let screen = Screen::open(&host);
    screen.enter(&format!("clear; cci shell {}", api.flags().join(" ")));
    screen.wait_for("bypass permissions", LONG);
    let killed = supervisor::kill(&host.home);
    wait::until("there is another one", LONG, || match supervisor::of(&host.home) {
        Some(pid) if pid != killed => Ok(()),
        other => Err(format!("{other:?}")),
    });
    screen.wait_for("bypass permissions", LONG);
}

#[test]
fn it_keeps_nothing_open_of_the_script_that_launched_the_session() {
    let (host, api) = (Host::live(U1000), Anthropic::start());
    let flags = api.flags().join(" ");
    // a lock that a script holds while it works, and a pipe that ends with it
    let script = format!("exec 9>lock 8>&1; flock 9; cci shell --background {flags} >/dev/null 2>&1");
    let mut launch = host.command("bash");
    launch.args(["-c", &script]);
    let began = Instant::now();
    run(launch, b"").ok();
    assert!(supervisor::of(&host.home).is_some(), "there is one, which goes on");
    let mut free = host.command("flock");
    free.args(["-n", "lock", "true"]);
    run(free, b"").ok();
    assert!(began.elapsed() < LONG, "the end of the output was waited for: {:?}", began.elapsed());
}

#[test]
fn a_launch_works_without_a_supervisor_and_says_so_once() {
    let (host, api) = (Host::live(U1000), Anthropic::start());
    let run = host.home.join(".cci/run");
    let made = host.command("mkdir").args(["-p", "-m", "700"]).arg(&run).status().unwrap();
    assert!(made.success());
    // somebody is the one, and never answers
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(run.join("supervisor.lock")).unwrap();
    std::os::unix::fs::chown(run.join("supervisor.lock"), Some(U1000.uid), Some(U1000.gid())).unwrap();
    lock.lock().unwrap();
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let began = Instant::now();
    let out = host.cci(&args).ok();
    assert_eq!(out.stderr.matches("no checkpoints are taken by themselves").count(), 1, "{out}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let name = out.stdout.split_whitespace().next().unwrap();
    shows(&host, name, "bypass permissions");
    let asked = Instant::now();
    host.cci(&["tmux", "send", name, "hello there"]).ok();
    shows(&host, name, "echo <hello there>");
    assert!(asked.elapsed() < Duration::from_secs(30), "nobody keeps the agent waiting: {:?}", asked.elapsed());
    drop(lock);
}

#[test]
fn no_session_without_an_agent_that_tells_its_turns_starts_one() {
    let host = Host::live(U1000);
    host.cci(&["shell", "--background", "--debug"]).ok();
    host.cci_with(&["shell", "--background", "--slot", "2"], &[("CCI_USE_DUMMY", "1")], b"").ok();
    host.cci(&["list"]).ok();
    assert_eq!(status(&host)["running"], false);
    assert_eq!(supervisor::of(&host.home), None);
    for name in host.containers() {
        let devices = incus(&["config", "device", "list", "--project", &host.project, &name]);
        assert!(!devices.lines().any(|device| device == "cci"), "{devices}");
    }
}

#[test]
fn a_hostile_container_can_ask_for_nothing_else_and_keeps_nobody_waiting() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let name = background(&host, &api);
    let inside = |script: &str| {
        let mut command: Command = host.cci_command(&["container", "exec", &name, "--", "bash", "-c", script]);
        command.stdin(std::process::Stdio::null());
        run(command, b"")
    };
    let post = |path: &str| {
        format!(
            "curl -s -o /dev/null -w '%{{http_code}}\\n' --unix-socket /var/lib/cci/agent.sock -d '{{}}' http://cci{path}"
        )
    };
    for path in ["/stop", "/status", "/look", "/hand-over"] {
        assert_eq!(inside(&post(path)).ok().stdout, "404\n", "{path}");
    }
    assert_eq!(inside(&post("/rewind")).ok().stdout, "400\n");
    let plants = "cd /var/lib/cci && for i in $(seq 300); do (exec 3<>/dev/null; nc -U agent.sock >/dev/null & ) ; done; \
                  rm agent.sock; ln -s /etc/passwd agent.sock; ls -l agent.sock";
    inside(plants).ok();
    assert_eq!(status(&host)["running"], true);
    wait::until("the socket is there again", LONG, || {
        let out = inside(&post("/status"));
        if out.stdout == "404\n" { Ok(()) } else { Err(out.to_string()) }
    });
    let outside = std::fs::read_to_string("/etc/passwd").unwrap();
    assert!(outside.contains("root:"), "it is a file of the host's still");
    turn(&host, &name, "it still listens");
}
