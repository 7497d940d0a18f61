//! What a later launch finds changed.

use std::fs;

use cci_git::layout::{Changed, Layout, Record};

use crate::world::World;

fn record(world: &World, dir: &str) -> Record {
    Record::of(&world.find(dir).unwrap())
}

/// The changes, without the place of this world; `!` where a person has to be asked.
fn told(world: &World, was: &Record, is: &Record) -> Vec<String> {
    let line = |change: &Changed| format!("{}{change}", if change.needs_consent() { "! " } else { "" });
    let lines = was.changes(is);
    lines.iter().map(|change| line(change).replace(&format!("{}/", world.text("")), "")).collect()
}

#[test]
fn the_same_layout_has_no_changes_and_is_read_back_as_it_was_written() {
    let world = World::new();
    world.with_submodule();
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    for dir in ["app", "tree", "tree/src", "app/deps/lib", "home"] {
        let first = record(&world, dir);
        assert_eq!(first.changes(&record(&world, dir)), []);
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), first, "{text}");
    }
}

#[test]
fn a_new_way_to_another_repository_needs_consent() {
    let world = World::new();
    world.repository("ws");
    let was = record(&world, "ws");
    world.repository("private");
    fs::remove_dir_all(world.at("ws/.git")).unwrap();
    world.write("ws/.git", "gitdir: ../private/.git\n");
    assert_eq!(
        told(&world, &was, &record(&world, "ws")),
        [
            "! the workspace's git was a repository of its own and is now a separate git directory",
            "! the git directory was ws/.git and is now private/.git",
        ]
    );
    // where there was none at all
    let none = Record::of(&Layout { repository: None, ..world.find("ws").unwrap() });
    let lines = told(&world, &none, &record(&world, "ws"));
    assert_eq!(lines[0], "! the workspace's git is new: a separate git directory");
    fs::remove_file(world.at("ws/.git")).unwrap();
    world.git("ws", &["init", "-q"]);
    let lines = told(&world, &none, &record(&world, "ws"));
    assert!(lines.iter().all(|line| !line.starts_with('!')), "an agent may make a repository: {lines:?}");
}

#[test]
fn what_would_run_or_be_shown_is_named_and_a_lost_worktree_too() {
    let world = World::new();
    world.repository("main");
    for path in ["../tree", "../other"] {
        world.git("main", &["worktree", "add", "-q", path]);
    }
    let was = record(&world, "tree");
    world.repository("lender");
    world.write("main/.git/objects/info/alternates", "../../../lender/.git/objects\n");
    world.git("main", &["config", "core.hooksPath", ".evil"]);
    world.git("main", &["config", "include.path", "more"]);
    fs::remove_dir_all(world.at("main/.git/worktrees/other")).unwrap();
    assert_eq!(
        told(&world, &was, &record(&world, "tree")),
        [
            "! core.hooksPath is new: tree/.evil",
            "! an included configuration file is new: main/.git/more",
            "! a repository to borrow objects from is new: lender/.git/objects",
            "the linked worktree is gone: other at other",
        ]
    );
}
