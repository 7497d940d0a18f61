//! The n-th request of a verb is broken, for every n of the verb.

use std::time::{Duration, Instant};

use super::bed::{Bed, assert_tells, faults};
use crate::support::figures;
use crate::support::host::{Host, Output};
use crate::support::proxy::{Fault, Proxy};

/// No fault makes a verb wait for longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A host behind the proxy, with what no fault may touch.
pub(super) trait Cut {
    fn host(&self) -> &Host;
    fn proxy(&self) -> &Proxy;
    /// Where nobody else is there, nothing can be touched.
    #[track_caller]
    fn assert_others_untouched(&self, _when: &str) {}
}

impl Cut for Bed {
    fn host(&self) -> &Host {
        &self.host
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn assert_others_untouched(&self, when: &str) {
        Bed::assert_others_untouched(self, when);
    }
}

/// Tries `verb` with each fault on each request, until it has no further one; `check` sees how it ended.
fn cut_everywhere(bed: &Bed, name: &str, before: impl FnMut(&Bed) -> Vec<String>, check: impl Fn(&Bed, &Output, &str)) {
    cut_at(bed, name, 1, before, check);
}

/// The same, in the short form only at each `stride`-th request: for verbs that take seconds.
pub(super) fn cut_at<B: Cut>(
    bed: &B,
    name: &str,
    stride: usize,
    mut before: impl FnMut(&B) -> Vec<String>,
    check: impl Fn(&B, &Output, &str),
) {
    let args = before(bed);
    bed.proxy().behave();
    let out = cci(bed.host(), &args);
    let undisturbed = bed.proxy().seen();
    let requests = undisturbed.len();
    check(bed, &out, &format!("{name} without a fault"));
    assert_eq!(out.code, 0, "{name} without a fault: {out}");
    let seed = figures::seed();
    let (mut tried, mut absorbed) = (0, 0);
    let stride = if figures::is_long() { 1 } else { stride };
    let mut n = usize::try_from(seed).unwrap() % stride;
    // Incus may give an exec up under load, which is then started again: the quieter of two runs counts
    let mut own = own_requests(&undisturbed);
    loop {
        let mut hit = false;
        for fault in faults(seed, n) {
            let args = before(bed);
            bed.proxy().spoil(n, fault);
            let began = Instant::now();
            let out = cci(bed.host(), &args);
            let Some(request) = bed.proxy().hit() else {
                assert_eq!(out.code, 0, "{name}, no fault: {out}");
                own = own.min(own_requests(&bed.proxy().seen()));
                check(bed, &out, name);
                continue;
            };
            hit = true;
            tried += 1;
            absorbed += usize::from(out.code == 0);
            let when = format!("{name}, {fault:?} at request {n} ({request})\n{out}\n");
            assert!(began.elapsed() < PATIENCE, "{when}: it took {:?}", began.elapsed());
            check(bed, &out, &when);
            bed.assert_others_untouched(&when);
        }
        if !hit {
            break;
        }
        n += stride;
    }
    let last = bed.proxy().seen();
    assert!(n + 2 >= own, "{name}: only {n} requests of {own} were spoilt: {undisturbed:#?}, last {last:#?}");
    figures::note(&format!(
        "cut: {name}: {requests} requests undisturbed, largest n {}, {tried} faults, {absorbed} without effect",
        n - stride
    ));
}

/// Requests but for networks: those of other tests come and go meanwhile, and `clean` looks at them too.
fn own_requests(lines: &[String]) -> usize {
    lines.iter().filter(|line| !line.contains("/1.0/network")).count()
}

pub(super) fn cci(host: &Host, args: &[String]) -> Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    host.cci_with(&args, &[("CCI_USE_DUMMY", "1")], b"")
}

pub(super) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// A failed launch has left nothing; a successful one is ended.
fn launched_or_nothing(exit: i32) -> impl Fn(&Bed, &Output, &str) {
    move |bed, out, when| {
        if out.code == 0 {
            bed.proxy.behave();
            let kill = bed.host.cci(&["kill", "--all", "--force"]);
            assert_eq!(kill.code, 0, "{when}: {kill}");
            let clean = bed.host.cci(&["clean", "--sessions", "--force"]);
            assert_eq!(clean.code, 0, "{when}: {clean}");
        } else {
            assert_tells(out, exit, when);
        }
        bed.assert_nothing_left(when);
    }
}

#[test]
fn a_cut_shell_leaves_nothing() {
    let bed = Bed::new();
    cut_everywhere(&bed, "shell", |_| words("shell --background"), launched_or_nothing(1));
}

#[test]
fn a_cut_run_leaves_nothing() {
    let bed = Bed::new();
    cut_everywhere(&bed, "run", |_| words("run -- true"), launched_or_nothing(125));
}

#[test]
fn a_cut_resume_keeps_the_conversation() {
    let mut bed = Bed::new();
    let id = bed.with_saved_session();
    let resume = format!("shell --background --resume={id}");
    cut_everywhere(
        &bed,
        "shell --resume",
        |_| words(&resume),
        |bed, out, when| {
            if out.code == 0 {
                bed.proxy.behave();
                let kill = bed.host.cci(&["kill", "--all", "--force"]);
                assert_eq!(kill.code, 0, "{when}: {kill}");
            } else {
                assert_tells(out, 1, when);
            }
            bed.assert_nothing_left(when);
        },
    );
}

/// A launched session's name, to be ended or changed.
fn session(bed: &Bed) -> String {
    bed.proxy.behave();
    if bed.containers().is_empty() {
        bed.host.cci(&["shell", "--background", "--debug"]).ok();
    }
    bed.containers().remove(0)
}

/// The container is gone, or a second call of the verb ends it; the conversation stays either way.
fn ended(verb: &'static str) -> impl Fn(&Bed, &Output, &str) {
    move |bed, out, when| {
        bed.proxy.behave();
        if out.code == 0 {
            bed.wait_for_containers(when, 0);
        } else {
            assert_tells(out, 1, when);
            let again = bed.host.cci(&[verb, "--all", "--force"]);
            assert_eq!(again.code, 0, "{when}, the second time: {again}");
            bed.wait_for_containers(when, 0);
        }
        let saved = bed.host.cci(&["list", "--all", "--format", "json"]);
        let saved: serde_json::Value = serde_json::from_str(&saved.stdout).unwrap();
        let count = saved["saved_sessions"].as_array().map(Vec::len);
        assert_eq!(count, Some(1), "{when}: the conversation");
        bed.host.cci(&["clean", "--sessions", "--force"]).ok();
    }
}

#[test]
fn a_cut_kill_can_be_said_again() {
    let bed = Bed::new();
    cut_everywhere(&bed, "kill", |bed| vec!["kill".into(), session(bed)], ended("kill"));
}

#[test]
fn a_cut_shutdown_can_be_said_again() {
    let bed = Bed::new();
    let args = |bed: &Bed| vec!["shutdown".into(), session(bed), "--timeout=20".into()];
    cut_everywhere(&bed, "shutdown", args, ended("shutdown"));
}

#[test]
fn a_cut_persist_is_done_or_not_and_can_be_said_again() {
    let bed = Bed::new();
    let args = |bed: &Bed| {
        let name = session(bed);
        vec!["persist".into(), name]
    };
    cut_everywhere(&bed, "persist", args, |bed, out, when| {
        bed.proxy.behave();
        if out.code != 0 {
            assert_tells(out, 1, when);
            let again = bed.host.cci(&["persist", &bed.containers()[0]]);
            assert_eq!(again.code, 0, "{when}, the second time: {again}");
        }
        let list = bed.host.cci(&["list", "--format", "json"]).ok();
        let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
        assert_eq!(list["active_containers"][0]["persistent"], true, "{when}: {list}");
        bed.host.cci(&["kill", "--all", "--force"]).ok();
    });
}

#[test]
fn a_cut_clean_removes_the_rest_the_next_time() {
    let bed = Bed::new();
    let args = |bed: &Bed| {
        bed.proxy.behave();
        if bed.containers().is_empty() {
            bed.host.cci(&["run", "--persistent", "--", "true"]).ok();
            bed.wait_until_stopped();
        }
        words("clean --persistent --force")
    };
    cut_everywhere(&bed, "clean", args, |bed, out, when| {
        bed.proxy.behave();
        if out.code != 0 {
            assert_tells(out, 1, when);
            let again = bed.host.cci(&["clean", "--persistent", "--force"]);
            assert_eq!(again.code, 0, "{when}, the second time: {again}");
        }
        bed.wait_for_containers(when, 0);
    });
}

#[test]
fn a_create_that_incus_does_after_cci_has_given_up_is_removed_by_the_next_command() {
    let bed = Bed::new();
    bed.proxy.spoil_first("POST /1.0/instances?", Fault::Late);
    // a session's late create finds its directory gone and fails by itself
    let out = cci(&bed.host, &words("run -- true"));
    assert!(bed.proxy.hit().is_some(), "nothing was late: {out}");
    assert_tells(&out, 125, "a late create");
    bed.proxy.behave();
    bed.wait_for_containers("the late create", 1);
    let next = bed.host.cci(&["list"]).ok();
    assert!(next.stderr.contains("Removed container"), "{next}");
    bed.assert_nothing_left("a late create");
    bed.assert_others_untouched("a late create");
}

#[test]
fn the_making_of_a_network_can_be_cut_anywhere() {
    let bed = Bed::new();
    let policy = tempfile::Builder::new().suffix(".toml").tempfile_in("/var/tmp").unwrap();
    std::fs::set_permissions(policy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    // an address that no other test names, so that its network is this test's own
    let own = format!("198.51.100.{}", 100 + std::process::id() % 100);
    let text = format!("[network]\nmode = \"allowlist\"\nallowed_domains = [\"{own}\"]\n");
    std::fs::write(policy.path(), text).unwrap();
    let config = format!("--config={}", policy.path().display());
    let run = || vec!["run".to_owned(), config.clone(), "--".to_owned(), "true".to_owned()];
    let unused = |bed: &Bed| {
        bed.proxy.behave();
        // networks of other tests are in use or can be made again
        bed.host.cci(&["clean", "--force"]);
        run()
    };
    cut_everywhere(&bed, "run on a new network", unused, |bed, out, when| {
        if out.code != 0 {
            assert_tells(out, 125, when);
        }
        bed.assert_nothing_left(when);
        let again = cci(&bed.host, &run());
        assert_eq!(again.code, 0, "{when}, the second time: {again}");
        bed.wait_for_containers(when, 0);
    });
}

#[test]
fn a_spoilt_request_is_noticed_by_this_test_at_all() {
    let bed = Bed::new();
    bed.proxy.spoil(0, Fault::Error);
    let out = bed.host.cci(&["list"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("planted fault"), "{out}");
    bed.assert_others_untouched("list");
}
