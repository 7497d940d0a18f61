//! What an agent could write, to be shown what it must not see or to have git go elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::world::World;

fn planted(world: &World, dot_git: &str) -> String {
    world.write("ws/.git", dot_git);
    world.refused("ws")
}

#[test]
fn a_file_that_leads_to_no_repository_is_refused() {
    let world = World::new();
    for to in ["home/.ssh", "nowhere"] {
        let told = planted(&world, &format!("gitdir: {}\n", world.text(to)));
        assert_eq!(told, format!("ws/.git names {to}, which is not a git repository: it has no HEAD"));
    }
    for text in ["", "gitdir", "nonsense\n", "gitdir: a\nb\n", "gitdir: \u{1b}[2J\n"] {
        assert_eq!(planted(&world, text), "ws/.git names no path as git writes one", "{text:?}");
    }
    assert_eq!(planted(&world, &"x".repeat(2 << 20)), "ws/.git is larger than 1048576 bytes");
}

#[test]
fn what_is_no_file_is_neither_opened_nor_waited_for() {
    let world = World::new();
    fs::create_dir(world.at("ws")).unwrap();
    assert!(Command::new("mkfifo").arg(world.at("ws/.git")).status().unwrap().success());
    assert_eq!(world.refused("ws"), "ws/.git is no ordinary file");
    world.repository("other");
    fs::remove_file(world.at("other/.git/config")).unwrap();
    assert!(Command::new("mkfifo").arg(world.at("other/.git/config")).status().unwrap().success());
    assert_eq!(world.refused("other"), "other/.git/config is no ordinary file");
}

#[test]
fn a_worktree_that_the_repository_does_not_name_is_refused() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let record = world.text("main/.git/worktrees/tree");
    assert_eq!(
        planted(&world, &format!("gitdir: {record}\n")),
        "ws/.git names main/.git/worktrees/tree, which does not name it back: its `gitdir` is tree/.git"
    );
    // files that name each other, all in the workspace, and a directory that is to be had
    world.write("ws/evil/gitdir", world.text("ws/.git"));
    world.write("ws/evil/commondir", world.text("main/.git"));
    assert_eq!(
        planted(&world, "gitdir: evil\n"),
        "ws/evil/commondir names main/.git, which does not name it back: it has no `worktrees/evil`"
    );
    world.write("ws/evil/commondir", world.text("home/.ssh"));
    assert_eq!(
        planted(&world, "gitdir: evil\n"),
        "ws/evil/commondir names home/.ssh, which is not a git repository: it has no HEAD"
    );
    // what an agent did to a real one
    world.write("main/.git/worktrees/tree/gitdir", "/workspace/.git\n");
    let told = "tree/.git names main/.git/worktrees/tree, which does not name it back: its `gitdir` is /workspace/.git";
    assert_eq!(world.refused("tree"), told);
}

#[test]
fn links_are_followed_nowhere() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    symlink(world.at("main"), world.at("alias")).unwrap();
    world.write("tree/.git", format!("gitdir: {}\n", world.text("alias/.git/worktrees/tree")));
    assert_eq!(world.refused("tree"), "alias/.git/worktrees/tree leads through a symbolic link");
    fs::rename(world.at("main/.git/objects"), world.at("objects")).unwrap();
    symlink(world.at("home/.ssh"), world.at("main/.git/objects")).unwrap();
    assert_eq!(world.refused("main"), "main/.git/objects leads through a symbolic link");
    fs::create_dir(world.at("ws")).unwrap();
    symlink("again", world.at("ws/.git")).unwrap();
    symlink(".git", world.at("ws/again")).unwrap();
    assert_eq!(world.refused("ws"), "ws/again leads through a symbolic link");
    symlink(world.at("ws"), world.at("ws2")).unwrap();
    assert_eq!(world.refused("ws2"), "ws2/.git leads through a symbolic link");
    world.repository("linked");
    world.write("config", "[core]\n");
    fs::remove_file(world.at("linked/.git/config")).unwrap();
    symlink(world.at("config"), world.at("linked/.git/config")).unwrap();
    assert_eq!(world.refused("linked"), "linked/.git/config leads through a symbolic link");
}

#[test]
fn a_repository_that_claims_to_be_another_ones_worktree_is_refused() {
    let world = World::new();
    world.repository("ws");
    world.write("ws/.git/commondir", "../evil\n");
    let told = "ws/.git/commondir makes another directory the repository, which git writes only for linked worktrees";
    assert_eq!(world.refused("ws"), told);
    world.write("ws/.git/commondir", ".\n");
    assert!(world.find("ws").is_ok(), "git and this program take it for itself");
    world.write("ws/.git/commondir", "");
    assert_eq!(world.refused("ws"), told);
}

#[test]
fn repositories_within_are_their_own_too() {
    let world = World::new();
    world.with_submodule();
    world.write("app/.git/modules/deps/lib/commondir", "/evil\n");
    assert!(world.refused("app").starts_with("app/.git/modules/deps/lib/commondir makes another directory"));
    world.repository("ws");
    world.repository("ws/vendor");
    world.write("ws/vendor/.git/commondir", "../../evil\n");
    assert!(world.refused("ws").starts_with("ws/vendor/.git/commondir makes another directory"));
}

#[test]
fn files_that_are_configured_to_be_elsewhere_are_refused() {
    let world = World::new();
    world.repository("ws");
    world.write("ws/.git/config", format!("[core]\nworktree = {}\n", world.text("home")));
    assert_eq!(world.refused("ws"), "`core.worktree` in ws/.git/config is home, not ws");
    // an included file can say it as well
    world.write("ws/.git/config", "[include]\npath = ../more\n");
    world.write("ws/more", "[core]\nworktree = ../..\n");
    assert!(world.refused("ws").starts_with("`core.worktree` in ws/more is "));
    world.write("ws/more", "[core]\nworktree = ..\n");
    assert!(world.find("ws").is_ok(), "it is the same");
    // of another repository, which a file of the workspace names
    world.with_submodule();
    fs::create_dir(world.at("thief")).unwrap();
    world.write("thief/.git", "gitdir: ../app/.git/modules/deps/lib\n");
    let told = "`core.worktree` in app/.git/modules/deps/lib/config is app/deps/lib, not thief";
    assert_eq!(world.refused("thief"), told);
}

#[test]
fn configuration_that_git_would_read_otherwise_is_refused() {
    let world = World::new();
    world.repository("ws");
    world.write("ws/.git/config", "[core]\n\tworktree = /x\0y\n");
    assert_eq!(world.refused("ws"), "line 2 of ws/.git/config is not valid git configuration");
    world.write("ws/.git/config", "[core\n");
    assert_eq!(world.refused("ws"), "line 1 of ws/.git/config is not valid git configuration");
    world.write("ws/.git/config", b"[core]\nworktree = /\xff\n");
    assert_eq!(world.refused("ws"), "ws/.git/config names no path as git writes one");
    world.write("ws/.git/config", "[include]\npath = config\n");
    assert_eq!(world.refused("ws"), "ws/.git/config has more than 64 files that include each other");
}

#[test]
fn objects_are_borrowed_from_repositories_only() {
    let world = World::new();
    world.repository("ws");
    fs::create_dir(world.at("home/.ssh/objects")).unwrap();
    for to in ["home/.ssh", "home/.ssh/objects", "nowhere/objects"] {
        world.write("ws/.git/objects/info/alternates", format!("{}\n", world.text(to)));
        let told = format!("ws/.git/objects/info/alternates names {to}, which is no repository's directory of objects");
        assert_eq!(world.refused("ws"), told);
    }
    // two that borrow from each other are read once
    world.repository("other");
    world.write("ws/.git/objects/info/alternates", "../../../other/.git/objects\n");
    world.write("other/.git/objects/info/alternates", "../../../ws/.git/objects\n");
    assert!(world.find("ws").is_ok());
    world.write("ws/.git/objects/info/alternates", "\"/x\"\n");
    assert_eq!(world.refused("ws"), "ws/.git/objects/info/alternates names no path as git writes one");
}

#[test]
fn thousands_of_records_are_too_many() {
    let world = World::new();
    world.repository("ws");
    for number in 0..4097 {
        fs::create_dir_all(world.at(&format!("ws/.git/worktrees/{number}"))).unwrap();
    }
    assert_eq!(world.refused("ws"), "ws/.git/worktrees has more than 4096 linked worktrees");
}
