//! `cci bench` and `--timing`: a delay inserted between cci and Incus shows where it belongs, and nothing is left.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::host::{Host, U1000, incus, run};
use crate::support::proxy::Proxy;
use crate::support::{timeline, wait};

const DELAY: Duration = Duration::from_millis(100);
/// The smallest of some samples is what a busy machine disturbs least; so much of the delay has to be in it.
const SEEN: f64 = 80.0;
const LIST: &str = "GET /1.0/instances?";
const ONE: &str = "GET /1.0/instances/";
const EXEC: &str = "POST /1.0/instances/";

/// The containers of this host's measurements, whatever they are called.
fn measured(host: &Host) -> Vec<String> {
    let list = incus(&["list", "--project", &host.project, "-f", "csv", "-c", "n,user.cci.workspace"]);
    let home = host.home.display().to_string();
    list.lines().filter(|line| line.contains(&home)).map(str::to_owned).collect()
}

#[track_caller]
fn nothing_is_left(host: &Host) {
    assert_eq!(measured(host), Vec::<String>::new());
    let left = std::fs::read_dir(host.home.join(".cache/cci")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("bench-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The smallest sample of a row.
#[track_caller]
fn least(report: &Value, key: &str, who: &str) -> f64 {
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no row {key} in {report:#}"));
    row[who]["min"].as_f64().unwrap_or_else(|| panic!("no figure of {who} in {row:#}"))
}

#[track_caller]
fn bench(held: &'static str) -> Value {
    let proxy = Proxy::delaying(held, DELAY);
    let host = Host::live(U1000).at_socket(proxy.socket());
    let args = ["bench", "--format", "json", "--runs", "2", "--only", "attach,list-1,version", "--baseline", "incus"];
    let out = host.cci(&args).ok();
    nothing_is_left(&host);
    serde_json::from_str(&out.stdout).unwrap()
}

#[test]
fn a_planted_delay_shows_in_the_rows_that_it_belongs_to() {
    let (list, exec) = (bench(LIST), bench(EXEC));
    // the list is one request, and an attach begins with one, for cci as for the floor
    for (key, slow, quick) in [("list-1", &list, &exec), ("attach", &exec, &list)] {
        for who in ["cci", "floor"] {
            let (slow, quick) = (least(slow, key, who), least(quick, key, who));
            assert!(slow - quick > SEEN, "{key} by {who}: {slow} with the delay, {quick} without");
        }
    }
    let (a, b) = (least(&list, "version", "cci"), least(&exec, "version", "cci"));
    assert!((a - b).abs() < SEEN, "version has a delay that is not its own: {a} and {b}");
}

/// How long the timeline says that a request took, the least of some tries.
#[track_caller]
fn took(host: &Host, request: &str) -> f64 {
    let tries = (0..5).map(|_| {
        let out = host.cci(&["--timing", "list"]).ok();
        let span = timeline::span(&out, request);
        span.end - span.start
    });
    tries.fold(f64::INFINITY, f64::min)
}

#[test]
fn a_planted_delay_shows_in_the_timeline_of_its_request() {
    let (on_list, on_one) = (Proxy::delaying(LIST, DELAY), Proxy::delaying(ONE, DELAY));
    let slow = Host::live(U1000).at_socket(on_list.socket());
    let other = Host::live(U1000).at_socket(on_one.socket());
    let request = "GET /1.0/instances 200 (list instances)";
    let (slow, other) = (took(&slow, request), took(&other, request));
    assert!(slow >= 100.0, "the delay of 100 ms shows as {slow}");
    assert!(slow - other > SEEN, "{slow} with the delay, {other} without");
}

#[test]
fn an_interrupted_measurement_leaves_nothing() {
    let host = Host::live(U1000);
    let mut command = host.cci_command(&["bench", "--runs", "50", "--only", "run,shell"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("a container is measured", Duration::from_secs(120), || {
        if measured(&host).is_empty() { Err("none yet".to_owned()) } else { Ok(()) }
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut child = child;
    let status = wait::until("it has ended", Duration::from_secs(120), || {
        child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
    });
    assert_eq!(status.code(), Some(130));
    nothing_is_left(&host);
}

#[test]
fn a_row_that_does_not_exist_and_a_baseline_that_is_none_are_refused() {
    let host = Host::live(U1000);
    for args in [["bench", "--only", "nosuch"], ["bench", "--baseline", "/nonexistent.json"]] {
        assert_eq!(run(host.cci_command(&args), b"").code, 2, "{args:?}");
    }
}
