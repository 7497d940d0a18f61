//! A root file system that is kept is nobody's container, and Incus has nothing else of it.

use std::time::Instant;

use cci_core::Result;
use cci_engine::checkpoint::{root, roots};
use cci_incus::NewProject;

use super::world::{block_on, booted, context, host, id, keep, session};
use crate::support::figures;
use crate::support::host::{Host, answer, incus};

/// The median of what was measured, in milliseconds.
fn median(mut of: Vec<u128>) -> u128 {
    of.sort_unstable();
    of[of.len() / 2]
}

#[test]
fn it_has_nothing_but_its_disk_and_no_verb_sees_it() {
    let host = host();
    let name = session(&host, &[]);
    let (cx, id) = (context(&host), id());
    let root = block_on(keep(&cx, &name, &id)).unwrap();
    assert_eq!(root.project, format!("{}-checkpoints", host.project));
    let shown = incus(&["query", &format!("/1.0/instances/{}?project={}", root.instance, root.project)]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let devices: Vec<_> = shown["expanded_devices"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(devices, ["root"]);
    let others = shown["config"].as_object().unwrap().keys();
    let others: Vec<_> =
        others.filter(|key| !["user.cci.", "volatile.", "image."].iter().any(|own| key.starts_with(own))).collect();
    assert_eq!(others, ["raw.lxc", "security.guestapi", "security.privileged"]);
    let start = answer(std::process::Command::new("incus").args(["start", "--project", &root.project, &root.instance]));
    assert!(!start.status.success(), "it has started");
    let snapshots = incus(&["query", &format!("/1.0/instances/{name}/snapshots?project={}", host.project)]);
    assert_eq!(snapshots.trim(), "[]");
    for args in [&["list", "--format", "json"][..], &["list", "--all", "--format", "json"]] {
        assert!(!host.cci(args).ok().stdout.contains("cci-cp-"), "{args:?}");
    }
    host.cci(&["kill", "--all", "--force"]).ok();
    host.cci(&["clean", "--all", "--force"]);
    assert_eq!(host.roots(), std::slice::from_ref(&root.instance));
    block_on(async {
        let found = roots::all(&cx).await.unwrap();
        assert!(found.iter().any(|kept| kept.id == id && kept.root == root), "{found:?}");
        assert!(roots::remove(&cx, &root).await.unwrap());
        assert!(!roots::exists(&cx, &root).await.unwrap());
    });
    assert_eq!(host.roots(), [""; 0]);
}

/// A project of Incus that only one test has, and what cci makes beside it.
struct Apart(String);

impl Apart {
    fn new(host: &Host) -> Self {
        let name = format!("{}{}", host.project, host.prefix.trim_end_matches('-'));
        let off =
            ["images", "profiles", "storage.volumes", "storage.buckets"].map(|name| format!("features.{name}=false"));
        let mut args = vec!["project", "create", &name];
        args.extend(off.iter().flat_map(|feature| ["-c", feature]));
        incus(&args);
        Self(name)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for project in [format!("{}-checkpoints", self.0), self.0.clone()] {
            let list = answer(std::process::Command::new("incus").args([
                "list",
                "--project",
                &project,
                "-f",
                "csv",
                "-c",
                "n",
            ]));
            for name in String::from_utf8_lossy(&list.stdout).lines() {
                answer(std::process::Command::new("incus").args(["delete", "-f", "--project", &project, name]));
            }
            answer(std::process::Command::new("incus").args(["project", "delete", &project]));
        }
    }
}

#[test]
fn of_two_that_need_the_project_first_both_get_it() {
    let mut host = host();
    let apart = Apart::new(&host);
    host.project.clone_from(&apart.0);
    let names = [(); 3].map(|()| session(&host, &[]));
    let contexts = [context(&host), context(&host), context(&host)];
    let all: Vec<Result<_>> = block_on(async {
        let ids = [id(), id(), id()];
        let each = contexts.iter().zip(&names).zip(&ids).map(|((cx, name), id)| keep(cx, name, id));
        futures_util::future::join_all(each).await
    });
    let mut kept: Vec<String> = all.into_iter().map(|root| root.unwrap().instance).collect();
    kept.sort();
    let mut found = host.roots();
    found.sort();
    assert_eq!(found, kept);
    // what others have there is left alone: the next look finds the project made, and marked
    let marked = incus(&["project", "get", &format!("{}-checkpoints", apart.0), "user.cci.managed"]);
    assert_eq!(marked.trim(), "true");
}

#[test]
fn somebody_elses_project_of_that_name_stays_as_it_is() {
    let mut host = host();
    let apart = Apart::new(&host);
    host.project.clone_from(&apart.0);
    let cx = context(&host);
    let theirs = format!("{}-checkpoints", apart.0);
    block_on(cx.client.create_project(&NewProject::new(&theirs))).unwrap();
    let name = session(&host, &[]);
    let root = block_on(keep(&cx, &name, &id())).unwrap();
    assert_eq!(root.project, apart.0);
    assert_eq!(host.cci(&["list", "--format", "json"]).ok().stdout.matches("cci-cp-").count(), 0);
    host.cci(&["kill", "--all", "--force"]).ok();
    assert!(block_on(roots::remove(&cx, &root)).unwrap());
}

#[test]
fn a_copy_takes_no_longer_than_the_requests_for_it() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let cx = context(&host);
    let (mut copied, mut kept) = (Vec::new(), Vec::new());
    block_on(async {
        for _ in 0..5 {
            let subject = root::subject(&cx, &name).await.unwrap();
            let prepared = root::prepared(&cx, &subject, &id()).await.unwrap();
            let began = Instant::now();
            let copy = root::copied(prepared).await.unwrap();
            copied.push(began.elapsed().as_millis());
            let began = Instant::now();
            root::kept(copy).await.unwrap();
            kept.push(began.elapsed().as_millis());
        }
    });
    let (copied, kept) = (median(copied), median(kept));
    figures::note(&format!("root: copy {copied} ms, seal {kept} ms"));
    // in seconds what takes milliseconds: only a copy in full would take that long
    assert!(copied + kept < 5_000, "{copied} ms and {kept} ms");
}
