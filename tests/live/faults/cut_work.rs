//! The same for the verbs that copy files, build images and set up the machine.

use std::process::Command;
use std::time::Duration;

use super::bed::{Bed, assert_tells, entries};
use super::cut::{Cut, cci, cut_at, words};
use crate::support::base::Images;
use crate::support::daemon::Daemon;
use crate::support::host::{Host, Output, ROOT, U1000, incus};
use crate::support::proxy::Proxy;
use crate::support::wait;

/// A bed with a running container; its name.
fn with_container() -> (Bed, String) {
    let bed = Bed::new();
    bed.host.cci(&["shell", "--background", "--debug"]).ok();
    let name = bed.containers().remove(0);
    (bed, name)
}

#[test]
fn a_cut_pull_brings_the_whole_tree_or_nothing() {
    let (bed, name) = with_container();
    let here = bed.host.dir("here");
    let whole = here.join("whole");
    let from = format!("{name}:/etc/systemd");
    bed.host.cci(&["file", "pull", "-r", &from, whole.to_str().unwrap()]).ok();
    let count = || walk(&here.join("got"));
    let expected = walk(&whole);
    assert!(expected.len() > 20, "{expected:?}");
    let args = |_: &Bed| {
        let _ = std::fs::remove_dir_all(here.join("got"));
        words(&format!("file pull -r {from} {}", here.join("got").display()))
    };
    cut_at(&bed, "file pull", 1, args, |_, out, when| {
        if out.code == 0 {
            assert_eq!(count(), expected, "{when}");
        } else {
            assert_tells(out, 1, when);
            assert_eq!(entries(&here), ["whole"], "{when}");
        }
    });
}

/// The names below a directory, sorted.
fn walk(dir: &std::path::Path) -> Vec<String> {
    let list = Command::new("find").arg(dir).args(["-mindepth", "1", "-printf", "%P\n"]).output().unwrap();
    let mut names: Vec<String> = String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn a_cut_push_can_be_said_again() {
    let (bed, name) = with_container();
    let tree = bed.host.dir("tree");
    for n in 0..20 {
        std::fs::write(tree.join(format!("f{n}")), vec![7; 5000]).unwrap();
    }
    let inside = |script: &str| incus(&["exec", "--project", &bed.host.project, &name, "--", "sh", "-c", script]);
    let push = format!("file push -r {} {name}:/srv/got", tree.display());
    let args = |_: &Bed| {
        inside("rm -rf /srv/got");
        words(&push)
    };
    cut_at(&bed, "file push", 1, args, |bed, out, when| {
        bed.proxy.behave();
        if out.code != 0 {
            assert_tells(out, 1, when);
            // what arrived before the cut is a directory now, into which a copy would go
            inside("rm -rf /srv/got");
            cci(&bed.host, &words(&push)).ok();
        }
        assert_eq!(inside("ls /srv/got | wc -l; ls /srv"), "20\ngot\n", "{when}");
    });
}

/// A project with images of its own behind the proxy.
fn with_images() -> (Images, Bed) {
    let mut bed = Bed::new();
    let images = Images::of(U1000);
    images.import();
    bed.host.project.clone_from(&images.host.project);
    bed.host.prefix.clone_from(&images.host.prefix);
    (images, bed)
}

/// Waits until Incus has ended what it was asked for, and lets the next command see it.
#[track_caller]
fn settled(bed: &Bed, when: &str) {
    bed.proxy.behave();
    let path = format!("/1.0/operations?project={}", bed.host.project);
    wait::until(&format!("{when}\nIncus ends what it does"), Duration::from_secs(60), || {
        // the list fails when one of them ends meanwhile
        let list = Command::new("incus").args(["query", &path]).output().unwrap();
        let shown = String::from_utf8_lossy(&[list.stdout, list.stderr].concat()).into_owned();
        // without any operation it prints nothing at all
        let running = serde_json::from_str::<serde_json::Value>(&shown).is_ok_and(|all| !all["running"].is_null());
        if list.status.success() && !running { Ok(()) } else { Err(shown) }
    });
    bed.host.cci(&["list"]).ok();
}

/// The image has its name and is whole, and is removed again; or everything is as it was.
#[track_caller]
fn assert_made_or_nothing(images: &Images, bed: &Bed, before: &str, out: &Output, when: &str) {
    settled(bed, when);
    if out.code != 0 {
        assert_tells(out, 1, when);
    }
    if images.dump().contains("mine,") {
        let deleted = bed.host.cci(&["image", "delete", "mine"]);
        assert_eq!(deleted.code, 0, "{when}: {deleted}");
    } else {
        assert_ne!(out.code, 0, "{when}");
    }
    assert_eq!(images.dump(), before, "{when}");
}

#[test]
fn a_cut_publish_makes_the_whole_image_or_none() {
    let (images, bed) = with_images();
    let name = format!("{}src", bed.host.prefix);
    incus(&["init", "--empty", &name, "--project", &bed.host.project]);
    let before = images.dump();
    let publish = format!("image publish {name} mine");
    cut_at(
        &bed,
        "image publish",
        1,
        |_| words(&publish),
        |bed, out, when| {
            assert_made_or_nothing(&images, bed, &before, out, when);
        },
    );
}

#[test]
fn a_cut_publish_of_a_running_container_leaves_no_snapshot() {
    let (images, bed) = with_images();
    let name = format!("{}src", bed.host.prefix);
    bed.host.cci(&["container", "launch", "cci", &name]).ok();
    let before = images.dump();
    let publish = format!("image publish {name} mine");
    cut_at(
        &bed,
        "image publish, running",
        3,
        |_| words(&publish),
        |bed, out, when| {
            assert_made_or_nothing(&images, bed, &before, out, when);
            let snapshots = incus(&["query", &format!("/1.0/instances/{name}/snapshots?project={}", bed.host.project)]);
            assert_eq!(snapshots.trim(), "[]", "{when}");
        },
    );
}

#[test]
fn a_cut_build_makes_the_whole_image_or_none() {
    let (images, bed) = with_images();
    std::fs::write(bed.host.proj.join("build.sh"), "echo built >/opt/built\n").unwrap();
    let before = images.dump();
    let build = "build custom mine --base cci --script build.sh";
    cut_at(
        &bed,
        "build custom",
        7,
        |_| words(build),
        |bed, out, when| {
            assert_made_or_nothing(&images, bed, &before, out, when);
            assert_eq!(bed.containers(), [""; 0], "{when}");
            bed.assert_nothing_left(when);
        },
    );
}

/// A daemon that has nothing yet, behind the proxy.
struct BareMachine {
    daemon: Daemon,
    proxy: Proxy,
    host: Host,
}

impl BareMachine {
    fn new() -> Self {
        let daemon = Daemon::bare();
        let proxy = Proxy::start(&daemon.socket());
        let mut host = Host::new(ROOT).at_socket(proxy.socket());
        host.project = "default".into();
        Self { daemon, proxy, host }
    }

    /// What setup makes.
    fn dump(&self) -> String {
        let networks = self.daemon.incus(&["network", "list", "-f", "csv", "-c", "ntm"]);
        // the rest are interfaces of this machine, which other tests make and remove meanwhile
        let managed: String = networks.lines().filter(|line| line.ends_with(",YES")).collect();
        self.daemon.incus(&["storage", "list", "-f", "csv", "-c", "nD"])
            + &managed
            + &self.daemon.incus(&["profile", "show", "default"])
    }

    /// Takes away what setup has made, as far as it came.
    fn empty(&self) {
        let script = "for d in root eth0; do incus profile device remove default $d; done
            incus network list -f csv -c nm | sed -n 's/,YES$//p' | while read -r n; do incus network delete \"$n\"; done
            incus storage list -f csv -c n | while read -r p; do incus storage delete \"$p\"; done";
        let mut empty = Command::new("sh");
        empty.args(["-c", script]).env("INCUS_DIR", self.daemon.socket().parent().unwrap()).output().unwrap();
    }
}

impl Drop for BareMachine {
    fn drop(&mut self) {
        self.empty();
    }
}

impl Cut for BareMachine {
    fn host(&self) -> &Host {
        &self.host
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }
}

#[test]
fn a_cut_setup_is_completed_by_the_next() {
    let machine = BareMachine::new();
    machine.host.cci(&["setup", "--yes"]).ok();
    let whole = machine.dump();
    let args = |machine: &BareMachine| {
        machine.proxy.behave();
        machine.empty();
        words("setup --yes")
    };
    cut_at(&machine, "setup", 1, args, |machine, out, when| {
        machine.proxy.behave();
        if out.code != 0 {
            assert_eq!(out.code, 1, "{when}");
            assert!(out.stderr.contains("error: ") && !out.stderr.contains("panicked"), "{when}");
            let again = machine.host.cci(&["setup", "--yes"]);
            assert_eq!(again.code, 0, "{when}, the second time: {again}");
        }
        assert_eq!(machine.dump(), whole, "{when}");
    });
}
