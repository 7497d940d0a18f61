//! `clean --sessions` takes no conversation from a container that has it, and removes those that an agent made hard to
//! remove.

use std::fs;
use std::os::unix::fs::lchown;
use std::path::PathBuf;
use std::process::Command;

use rustix::fs::{Gid, Mode, OFlags, Uid, fchown, mkdirat, openat};

use crate::support::host::{Host, U1234};

/// Another project of Incus than the tests' own.
const ELSEWHERE: (&str, &str) = ("INCUS_PROJECT", "default");

#[test]
fn a_session_that_runs_in_another_project_is_neither_removed_nor_resumed_a_second_time() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--background", "--debug"]).ok();
    let (name, id) = (host.only_container(), host.sessions().remove(0));
    let out = host.cci_with(&["clean", "--sessions", "--force"], &[ELSEWHERE], b"").ok();
    assert_eq!(host.sessions(), std::slice::from_ref(&id), "{out}");
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

/// A directory that no path reaches the end of; `rm` removes it, which the end of the test could not.
struct Deep(PathBuf);

impl Deep {
    fn new(host: &Host, place: PathBuf) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        fs::create_dir(&place).unwrap();
        lchown(&place, Some(host.user.uid), Some(host.user.gid())).unwrap();
        let mut dir = rustix::fs::open(&place, flags, Mode::empty()).unwrap();
        for _ in 0..30_000 {
            mkdirat(&dir, "d", Mode::RWXU).unwrap();
            dir = openat(&dir, "d", flags, Mode::empty()).unwrap();
            let (uid, gid) = (Uid::from_raw(host.user.uid), Gid::from_raw(host.user.gid()));
            fchown(&dir, Some(uid), Some(gid)).unwrap();
        }
        Self(place)
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        let _ = Command::new("rm").arg("-rf").arg(&self.0).status();
    }
}

/// The state directory of the only session.
fn state(host: &Host) -> PathBuf {
    host.home.join(".cci/sessions-claude").join(&host.sessions()[0]).join(".claude")
}

/// A session that is over.
fn ended(host: &Host, script: &str) -> PathBuf {
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    host.cci(&["container", "exec", &name, "--", "sudo", "sh", "-c", script]).ok();
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    state(host)
}

#[test]
fn a_session_with_a_tree_of_any_depth_is_resumed_and_removed() {
    let host = Host::live(U1234);
    let state = ended(&host, "true");
    let settings = state.join("settings.json");
    let _ = fs::remove_file(&settings);
    let _deep = Deep::new(&host, settings.clone());
    let resume = format!("--resume={}", host.sessions()[0]);
    host.cci(&["shell", "--background", "--debug", &resume]).ok();
    host.cci(&["kill", &host.only_container()]).ok();
    host.wait_until_gone();
    let _deep = Deep::new(&host, state.join("deep"));
    let out = host.cci(&["clean", "--sessions", "--force"]).ok();
    assert!(out.stdout.ends_with("Removed 1 of 1\n"), "{out}");
    assert_eq!(host.sessions(), [""; 0]);
}

#[test]
fn a_tree_too_deep_to_send_is_named_and_nothing_hangs() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--background", "--debug"]).ok();
    let deep = Deep::new(&host, host.proj.join("deep"));
    let out = host.cci(&["file", "push", "-r", deep.0.to_str().unwrap(), &format!("{}:/tmp", host.only_container())]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("deep/d: more than 512 directories lie in one another there"), "{out}");
}

#[test]
fn what_the_agent_made_as_root_keeps_no_session_on_the_disk() {
    let host = Host::live(U1234);
    let planted = [
        "mkdir -p r/s && touch r/f r/s/f && chmod 700 r/s r",
        "mkdir -p o/r && touch o/r/f && chown -R code o && chown root o/r o/r/f && chmod 700 o/r && chmod 0 o",
        // deeper than a path is long
        "n=$(printf 'd/%.0s' $(seq 1000)); for i in 1 2 3; do mkdir -p $n; cd -P $n; done; touch f",
        // the state directory itself
        "chown root:root . && chmod 700 .",
    ];
    for script in planted {
        let state = ended(&host, &format!("cd /home/code/.claude && {script}"));
        assert!(state.parent().unwrap().join("metadata.json").exists());
        let out = host.cci(&["clean", "--sessions", "--force"]).ok();
        assert!(out.stdout.ends_with("Removed 1 of 1\n"), "{script}: {out}");
        assert_eq!(host.sessions(), [""; 0], "{script}");
        assert_eq!(host.containers(), [""; 0], "{script}");
    }
}

#[test]
fn a_session_that_cannot_be_removed_is_still_one() {
    let host = Host::live(U1234);
    let state = ended(&host, "true");
    // of nobody that a container of the caller's could act for
    let theirs = state.join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("file"), "").unwrap();
    fs::write(state.join(".credentials.json"), "{}").unwrap();
    let out = host.cci(&["clean", "--sessions", "--force"]);
    assert!(out.code == 1 && out.stdout.ends_with("Removed 0 of 1\n"), "{out}");
    assert!(!state.join(".credentials.json").exists(), "what can go is gone");
    let id = &host.sessions()[0];
    let out = host.cci(&["list", "--all"]).ok();
    assert!(out.stdout.contains(id), "{out}");
    lchown(&theirs, Some(host.user.uid), Some(host.user.gid())).unwrap();
    host.cci(&["clean", "--sessions", "--force"]).ok();
    assert_eq!(host.sessions(), [""; 0]);
}
