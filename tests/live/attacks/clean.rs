//! `clean --sessions` takes no conversation from a container that has it, and leaves none that an agent made hard to remove.

use crate::support::host::{Host, U1234};

/// Another project of Incus than the tests' own.
const ELSEWHERE: (&str, &str) = ("INCUS_PROJECT", "default");

#[test]
fn a_session_that_runs_in_another_project_is_neither_removed_nor_resumed_a_second_time() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--background", "--debug"]).ok();
    let (name, id) = (host.only_container(), host.sessions().remove(0));
    let out = host.cci_with(&["clean", "--sessions", "--force"], &[ELSEWHERE], b"").ok();
    assert_eq!(host.sessions(), [id.clone()], "{out}");
    let out = host.cci_with(&["list", "--all", "--format", "json"], &[ELSEWHERE], b"").ok();
    let listed: serde_json::Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(listed["saved_sessions"][0]["live"], true, "{out}");
    let resume = format!("--resume={id}");
    let out = host.cci_with(&["shell", "--background", "--debug", &resume], &[ELSEWHERE], b"");
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains(&name) && out.stderr.contains(&format!("INCUS_PROJECT={}", host.project)), "{out}");
    // once nothing has it, any project may clean
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    host.cci_with(&["clean", "--sessions", "--force"], &[ELSEWHERE], b"").ok();
    assert_eq!(host.sessions(), [""; 0]);
}
