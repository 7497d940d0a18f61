//! The supervisor as a process: alone, detached, ended and started again. No session of these tests has a container.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Host, host};
use crate::support::host::supervisor;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(20);
const SESSION: &str = "01010101-0101-4101-8101-010101010101";

/// A session as a launch notes it, of an Incus that is not there.
fn note(host: &Host) {
    let run = host.home.join(".cci/run");
    fs::create_dir_all(run.join(SESSION)).unwrap();
    let note = json!({
        "session": SESSION, "workspace": host.proj, "tool": "dummy", "profile": null, "endpoint": "/nonexistent/unix.socket",
        "project": "default", "prefix": host.prefix, "state": host.home.join("state"), "checkpoints": {},
        "owner": { "uid": host.user.uid, "gid": host.user.gid() },
    });
    fs::write(run.join(format!("{SESSION}.json")), note.to_string()).unwrap();
}

fn status(host: &Host) -> Value {
    serde_json::from_str(&host.cci(&["supervisor", "status", "--format", "json"]).ok().stdout).unwrap()
}

#[track_caller]
fn runs(host: &Host) -> i64 {
    wait::until("the supervisor runs", PATIENCE, || {
        let status = status(host);
        if status["running"] == true { Ok(status["pid"].as_i64().unwrap()) } else { Err(status.to_string()) }
    })
}

/// Starts one in the test's own hands, and waits until it listens.
fn start(host: &Host) -> (Child, String) {
    let mut command = host.cci_command(&["supervisor", "run"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

#[test]
fn without_one_there_is_nothing_to_show_or_to_end() {
    let host = host();
    let says = |args: &[&str]| {
        let out = host.cci(&[&["supervisor"], args].concat()).ok();
        assert_eq!(out.stderr, "", "{out}");
        out.stdout
    };
    assert_eq!(says(&["status"]), "Supervisor: not running\n");
    assert_eq!(says(&["status", "--format=json"]), "{\n  \"running\": false,\n  \"sessions\": []\n}\n");
    assert_eq!(says(&["stop"]), "Supervisor was not running\n");
    assert_eq!(says(&["restart"]), "No session needs a supervisor\n");
    assert_eq!(says(&["logs"]), "");
    assert_eq!(says(&["logs", "--format=json"]), "{\n  \"lines\": []\n}\n");
}

#[test]
fn there_is_one_at_a_time_and_the_next_one_comes_when_it_was_killed() {
    let host = host();
    let (mut first, ready) = start(&host);
    assert_eq!((ready.as_str(), runs(&host)), ("ready\n", i64::from(first.id())));
    let (mut second, ready) = start(&host);
    assert_eq!(ready, "ready\n", "whoever needs one has one");
    assert!(second.wait().unwrap().success());
    assert_eq!(runs(&host), i64::from(first.id()));
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(status(&host)["running"], false);
    let (mut third, _) = start(&host);
    assert_eq!(runs(&host), i64::from(third.id()), "the socket of the dead one is replaced");
    let text = host.cci(&["supervisor", "status"]).ok().stdout;
    assert!(text.starts_with(&format!("Supervisor: running (process {})", third.id())), "{text}");
    assert_eq!(host.cci(&["supervisor", "stop"]).ok().stdout, "Supervisor stopped\n");
    assert!(third.wait().unwrap().success());
    let logs = host.cci(&["supervisor", "logs", "--lines", "1"]).ok().stdout;
    assert!(logs.ends_with("supervisor ends: it was stopped\n"), "{logs}");
}

#[test]
fn a_signal_ends_it_gracefully() {
    let host = host();
    let (mut child, _) = start(&host);
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!host.home.join(".cci/run/supervisor.sock").exists());
}

#[test]
fn the_next_command_starts_it_for_a_session_that_is_noted_unless_the_person_stopped_it() {
    let host = host();
    host.cci(&["list"]);
    assert_eq!(status(&host)["running"], false, "nobody needs it");
    note(&host);
    // it must not keep the command's own output open
    host.cci(&["list"]);
    let pid = runs(&host);
    let socket = host.home.join(".cci/run").join(SESSION).join("agent.sock");
    wait::until(
        "the session's socket is there",
        PATIENCE,
        || if socket.exists() { Ok(()) } else { Err(String::new()) },
    );
    assert_eq!(status(&host)["sessions"][0]["session"], SESSION);
    let of_process = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session_of_terminal = of_process.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session_of_terminal, pid.to_string(), "no terminal's end reaches it");

    assert_eq!(i64::from(supervisor::kill(&host.home).as_raw_nonzero().get()), pid);
    assert_eq!(status(&host)["running"], false);
    host.cci(&["list"]);
    assert_ne!(runs(&host), pid);

    host.cci(&["supervisor", "stop"]).ok();
    host.cci(&["list"]);
    assert_eq!(status(&host)["running"], false, "the person has stopped it");
    assert_eq!(host.cci(&["supervisor", "restart"]).ok().stdout, "Supervisor restarted\n");
    runs(&host);
}

#[test]
fn a_person_cannot_run_it_in_anothers_home() {
    let host = host();
    let mut command = host.cci_command(&["supervisor", "run"]);
    command.env("HOME", "/proc");
    let out = crate::support::host::run(command, b"");
    assert_eq!(out.code, 1, "{out}");
}
