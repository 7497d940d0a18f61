//! Launches at the same instant: every one gets a slot of its own, and nobody loses anything.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::host::{Host, Output, U1000, U1234};

/// So many launches at once, each a process of its own; their outputs.
fn at_once(hosts: &[&Host], count: usize) -> Vec<Output> {
    all_at_once(hosts, count, &["shell", "--background"])
}

fn all_at_once(hosts: &[&Host], count: usize, args: &[&str]) -> Vec<Output> {
    std::thread::scope(|scope| {
        let launches: Vec<_> = (0..count)
            .map(|n| {
                let host = hosts[n % hosts.len()];
                scope.spawn(move || host.cci_with(args, &[("CCI_USE_DUMMY", "1"), ("CCI_LOG", "cci=info")], b""))
            })
            .collect();
        launches.into_iter().map(|launch| launch.join().unwrap()).collect()
    })
}

fn names(outputs: &[Output]) -> BTreeSet<String> {
    let name = |output: &Output| output.stdout.split_whitespace().next().unwrap_or_default().to_owned();
    outputs.iter().map(name).collect()
}

/// Each conversation's metadata names the container that its launch has got, not the one it had hoped for.
#[track_caller]
fn noted(hosts: &[&Host], outputs: &[Output]) {
    for output in outputs {
        let (name, id) = output.stdout.trim().split_once(' ').unwrap_or_else(|| panic!("{output}"));
        let dir = |host: &&Host| host.home.join(".cci/sessions-claude").join(id);
        let dir = hosts.iter().map(dir).find(|dir| dir.is_dir()).unwrap_or_else(|| panic!("no directory: {output}"));
        let metadata: Value = serde_json::from_slice(&std::fs::read(dir.join("metadata.json")).unwrap()).unwrap();
        let slot = name.rsplit('-').next().unwrap().parse::<u8>().unwrap();
        assert_eq!((&metadata["container_name"], &metadata["slot"]), (&name.into(), &slot.into()), "{output}");
        let entries = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut entries: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        entries.sort();
        assert_eq!(entries, [".claude", "from-host", "metadata.json"], "{}", dir.display());
    }
}

/// How often one of them wanted a slot that another was quicker to take.
fn lost(outputs: &[Output]) -> usize {
    outputs.iter().map(|output| output.stderr.matches("taken by another launch").count()).sum()
}

#[test]
fn ten_at_once_get_ten_slots_and_the_eleventh_hears_that_all_are_in_use() {
    let host = Host::live(U1000);
    // launches of one home hear of each other before Incus does, those of two homes only there
    let other_home = host.with_user(U1000);
    let outputs = at_once(&[&host, &other_home], 10);
    for output in &outputs {
        assert_eq!(output.code, 0, "{output}");
    }
    assert_eq!(names(&outputs).len(), 10, "{:?}", names(&outputs));
    assert!(lost(&outputs) > 0, "no two of them ever wanted the same slot, so nothing was tried here");
    noted(&[&host, &other_home], &outputs);
    let alive = host.cci(&["tmux", "list"]).ok();
    assert_eq!(alive.stdout.lines().filter(|line| line.starts_with("  - ")).count(), 10, "{alive}");
    let eleventh = host.cci(&["shell", "--background"]);
    assert_eq!(eleventh.code, 1, "{eleventh}");
    assert!(eleventh.stderr.contains("error: all 10 slots are in use"), "{eleventh}");
    assert!(eleventh.stderr.contains("cci list") && eleventh.stderr.contains("cci kill"), "{eleventh}");
}

#[test]
fn two_users_in_one_workspace_never_touch_each_other() {
    let first = Host::live(U1000);
    // a project that both may write
    std::fs::set_permissions(&first.proj, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let second = first.with_user(U1234);
    let outputs = at_once(&[&first, &second], 10);
    for output in &outputs {
        assert_eq!(output.code, 0, "{output}");
    }
    assert_eq!(names(&outputs).len(), 10);
    assert!(lost(&outputs) > 0, "no two of them ever wanted the same slot");
    let eleventh = second.cci(&["shell", "--background"]);
    assert!(eleventh.code == 1 && eleventh.stderr.contains("all 10 slots are in use"), "{eleventh}");
    let mine = |host: &Host| host.cci(&["list"]).ok().stdout.matches("(ephemeral)").count();
    assert_eq!((mine(&first), mine(&second)), (5, 5));
    let other = second.cci(&["tmux", "list"]).ok().stdout;
    let foreign = other.lines().find_map(|line| line.strip_prefix("  - ")?.split(' ').next()).unwrap().to_owned();
    let refused = first.cci(&["kill", &foreign]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains(&format!("container {foreign} belongs to user 1234")), "{refused}");
    first.cci(&["kill", "--all", "--force"]).ok();
    first.cci(&["clean", "--all", "--force"]).ok();
    assert_eq!((mine(&first), mine(&second)), (0, 5));
}

#[test]
fn rounds_of_four_at_once_never_collide() {
    let rounds: usize = std::env::var("CCI_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let host = Host::live(U1000);
    let other_home = host.with_user(U1000);
    let mut conflicts = 0;
    for round in 0..rounds {
        let outputs = at_once(&[&host, &other_home], 4);
        for output in &outputs {
            assert_eq!(output.code, 0, "round {round}: {output}");
        }
        assert_eq!(names(&outputs).len(), 4, "round {round}");
        conflicts += lost(&outputs);
        host.cci(&["kill", "--all", "--force"]).ok();
    }
    assert!(conflicts > 0, "in {rounds} rounds no two ever wanted the same slot");
}

#[test]
fn slots_that_are_being_left_are_waited_for() {
    let host = Host::live(U1000);
    for output in at_once(&[&host], 10) {
        output.ok();
    }
    let ends: Vec<_> = std::thread::scope(|scope| {
        let kill = scope.spawn(|| host.cci(&["kill", "--all", "--force"]));
        crate::support::wait::until("some are on their way out", std::time::Duration::from_secs(30), || {
            let shown = host.cci(&["list"]).stdout.matches("(ephemeral)").count();
            if shown < 10 { Ok(()) } else { Err(format!("{shown} are listed")) }
        });
        let next = host.cci_with(&["shell", "--background"], &[("CCI_USE_DUMMY", "1")], b"");
        vec![kill.join().unwrap(), next]
    });
    for end in ends {
        end.ok();
    }
}

#[test]
fn one_conversation_resumed_by_several_at_once_continues_in_one_container() {
    let rounds = if std::env::var_os("CCI_TEST_ROUNDS").is_some() { 40 } else { 4 };
    let host = Host::live(U1000);
    at_once(&[&host], 1).remove(0).ok();
    let mut removed = 0;
    for round in 0..rounds {
        host.cci(&["kill", "--all", "--force"]).ok();
        let outputs = all_at_once(&[&host], 4, &["shell", "--resume", "--background"]);
        for output in &outputs {
            assert_eq!(output.code, 0, "round {round}: {output}");
        }
        let all = host.containers().into_iter().collect();
        assert!(names(&outputs) == all && all.len() == 1, "round {round}: {all:?}: {outputs:#?}");
        removed += lost(&outputs);
    }
    assert!(removed > 0, "in {rounds} rounds no two ever made a container each");
}
