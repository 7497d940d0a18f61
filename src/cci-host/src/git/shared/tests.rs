//! A repository that a fork shares, checked with the real git, and one that an agent has prepared.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

struct World {
    dir: tempfile::TempDir,
}

impl World {
    /// A repository with one commit, and a directory for a fork.
    fn new() -> Self {
        let world = Self { dir: tempfile::Builder::new().tempdir_in("/var/tmp").unwrap() };
        fs::create_dir(world.proj()).unwrap();
        fs::create_dir(world.fork()).unwrap();
        let commands: [&[&str]; 4] = [
            &["init", "-q", "-b", "main"],
            &["config", "user.email", "a@b"],
            &["config", "user.name", "a"],
            &["commit", "-q", "--allow-empty", "-m", "first"],
        ];
        for words in commands {
            world.git(&world.proj(), words);
        }
        world
    }

    fn proj(&self) -> PathBuf {
        self.dir.path().join("proj")
    }

    fn fork(&self) -> PathBuf {
        self.dir.path().join("proj-fork-3fa9c1")
    }

    fn shared(&self) -> Shared {
        Shared::of(&self.proj()).unwrap().unwrap()
    }

    #[track_caller]
    fn git(&self, at: &Path, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.dir.path());
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let out = git.arg("-C").arg(at).args(words).output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        assert!(out.status.success(), "git {words:?}: {said}");
        said.trim_end().to_owned()
    }

    fn head(&self) -> String {
        self.git(&self.proj(), &["rev-parse", "HEAD"])
    }

    fn add(&self, commit: &str, state: &[(PathBuf, Vec<u8>)]) -> io::Result<Added> {
        let fork = self.fork();
        let linked = Linked {
            name: "proj-fork-3fa9c1",
            branch: "cci/fork-3fa9c1",
            commit,
            worktree: &fork,
            state,
            why: "fork of 0001abcdff",
        };
        let added = self.shared().add(&linked)?;
        fs::write(fork.join(".git"), self.shared().link(linked.name)).unwrap();
        Ok(added)
    }
}

#[test]
fn git_works_in_a_linked_worktree_that_was_made_without_it() {
    let world = World::new();
    fs::write(world.proj().join("staged"), "a").unwrap();
    world.git(&world.proj(), &["add", "staged"]);
    let index = fs::read(world.proj().join(".git/index")).unwrap();
    fs::write(world.fork().join("staged"), "a").unwrap();
    fs::write(world.fork().join("new"), "b").unwrap();
    let first = world.head();
    assert_eq!(world.add(&first, &[("index".into(), index)]).unwrap(), Added::Yes);
    assert_eq!(world.git(&world.fork(), &["status", "--porcelain"]), "A  staged\n?? new");
    assert_eq!(world.git(&world.fork(), &["branch", "--show-current"]), "cci/fork-3fa9c1");
    world.git(&world.fork(), &["commit", "-qm", "second"]);
    assert_eq!(world.git(&world.proj(), &["log", "--format=%s", "cci/fork-3fa9c1"]), "second\nfirst");
    assert_eq!(world.head(), first, "the origin has not moved");
    assert!(world.git(&world.fork(), &["reflog"]).contains("fork of 0001abcdff"));
    world.git(&world.proj(), &["fsck", "--strict"]);
    assert_eq!(world.add(&first, &[]).unwrap(), Added::Taken);
    fs::rename(world.fork(), world.dir.path().join("elsewhere")).unwrap();
    world.git(&world.proj(), &["worktree", "prune", "--expire=now"]);
    assert!(world.git(&world.proj(), &["worktree", "list"]).contains("proj-fork-3fa9c1"), "git forgot it");
}

#[test]
fn a_linked_worktree_goes_without_a_trace_but_its_commits_stay() {
    let world = World::new();
    let (first, before) = (world.head(), names_below(&world.proj().join(".git")));
    world.add(&first, &[("info/sparse-checkout".into(), b"/*\n".to_vec())]).unwrap();
    assert_ne!(names_below(&world.proj().join(".git")), before);
    let remove = || world.shared().remove("proj-fork-3fa9c1", "cci/fork-3fa9c1", &first).unwrap();
    assert!(!remove());
    assert_eq!(names_below(&world.proj().join(".git")), before);
    assert!(!remove(), "what is gone is no failure");
    world.add(&first, &[]).unwrap();
    world.git(&world.fork(), &["commit", "-q", "--allow-empty", "-m", "second"]);
    assert!(remove(), "a branch with commits stays");
    assert_eq!(world.git(&world.proj(), &["log", "-1", "--format=%s", "cci/fork-3fa9c1"]), "second");
    assert_eq!(world.git(&world.proj(), &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_linked_worktree_goes_without_a_trace_wherever_its_maker_was_killed() {
    let world = World::new();
    let (first, git) = (world.head(), world.proj().join(".git"));
    let before = names_below(&git);
    let branch = git.join("refs/heads/cci/fork-3fa9c1");
    let log = git.join("logs/refs/heads/cci/fork-3fa9c1");
    for (place, content) in [(&branch, ""), (&branch, &*first), (&log, "a line\n")] {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
        assert!(!world.shared().remove("proj-fork-3fa9c1", "cci/fork-3fa9c1", &first).unwrap());
        assert_eq!(names_below(&git), before, "{place:?} {content:?}");
    }
    for directory in ["refs/heads/cci", "logs/refs/heads/cci"] {
        fs::create_dir_all(git.join(directory)).unwrap();
    }
    assert!(!world.shared().remove("proj-fork-3fa9c1", "cci/fork-3fa9c1", &first).unwrap());
    assert_eq!(names_below(&git), before);
}

#[test]
fn a_branch_is_moved_with_a_line_in_its_log() {
    let world = World::new();
    let first = world.head();
    world.git(&world.proj(), &["commit", "-q", "--allow-empty", "-m", "second"]);
    let second = world.head();
    world.shared().move_head(Some(&second), &first, "adopt").unwrap();
    assert_eq!((world.head(), world.git(&world.proj(), &["branch", "--show-current"])), (first.clone(), "main".into()));
    assert_eq!(world.git(&world.proj(), &["rev-parse", "HEAD@{1}", "main@{1}"]), format!("{second}\n{second}"));
    world.git(&world.proj(), &["checkout", "-q", "--detach"]);
    world.shared().move_head(Some(&first), &second, "adopt").unwrap();
    assert_eq!((world.head(), world.git(&world.proj(), &["rev-parse", "main"])), (second, first));
}

#[test]
fn an_object_is_found_loose_and_packed_and_others_are_not() {
    let world = World::new();
    for n in 0..50 {
        world.git(&world.proj(), &["commit", "-q", "--allow-empty", "-m", &n.to_string()]);
    }
    let all = world.git(&world.proj(), &["rev-list", "--all"]);
    let all_there = || all.lines().all(|id| world.shared().has(id));
    assert!(all_there());
    world.git(&world.proj(), &["gc", "-q", "--prune=now"]);
    assert!(all_there());
    let others = ["0".repeat(40), "f".repeat(40), "../../config".into(), String::new(), "é".repeat(20)];
    assert!(others.iter().all(|other| !world.shared().has(other)));
    for file in fs::read_dir(world.proj().join(".git/objects/pack")).unwrap() {
        let path = file.unwrap().path();
        fs::remove_file(&path).unwrap();
        fs::write(path, [&objects_head()[..], &[0xff; 2000]].concat()).unwrap();
    }
    assert!(!world.shared().has(&world.head_of("main")), "a damaged index lists nothing");
}

impl World {
    fn head_of(&self, branch: &str) -> String {
        let packed = fs::read_to_string(self.proj().join(".git/packed-refs")).unwrap();
        let line = packed.lines().find(|line| line.ends_with(branch)).unwrap();
        line.split(' ').next().unwrap().to_owned()
    }
}

fn objects_head() -> [u8; 8] {
    [0xff, b't', b'O', b'c', 0, 0, 0, 2]
}

#[test]
fn links_that_an_agent_has_put_into_a_repository_lead_nowhere() {
    let world = World::new();
    let (first, outside) = (world.head(), world.dir.path().join("outside"));
    fs::create_dir_all(outside.join("refs/heads/cci")).unwrap();
    fs::write(outside.join("file"), "mine").unwrap();
    let git = world.proj().join(".git");
    for name in ["worktrees", "refs/heads/cci", "logs/refs/heads/cci"] {
        symlink(&outside, git.join(name)).unwrap();
        world.add(&first, &[]).unwrap_err();
        world.shared().remove("proj-fork-3fa9c1", "cci/fork-3fa9c1", &first).unwrap();
        fs::remove_file(git.join(name)).unwrap();
    }
    for name in ["index", "HEAD", "logs/HEAD", "refs/heads/main"] {
        let _ = fs::remove_file(git.join(name));
        symlink(outside.join("file"), git.join(name)).unwrap();
    }
    world.shared().put("index", b"x").unwrap();
    assert!(fs::symlink_metadata(git.join("index")).unwrap().is_file(), "the link is replaced");
    world.shared().move_head(None, &first, "adopt").unwrap_err();
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
    assert_eq!(names_below(&outside), ["file", "refs", "refs/heads", "refs/heads/cci"]);
}

#[test]
fn what_is_no_directory_of_its_own_is_no_repository() {
    let world = World::new();
    let git = world.proj().join(".git");
    fs::rename(&git, world.dir.path().join("moved")).unwrap();
    assert!(Shared::of(&world.proj()).unwrap().is_none());
    symlink(world.dir.path().join("moved"), &git).unwrap();
    assert!(Shared::of(&world.proj()).unwrap().is_none());
    fs::remove_file(&git).unwrap();
    fs::write(&git, "gitdir: ../moved\n").unwrap();
    assert!(Shared::of(&world.proj()).unwrap().is_none());
}

#[test]
fn a_branch_is_not_made_in_the_place_of_another() {
    let world = World::new();
    assert!(world.shared().takes_branch("cci/fork-3fa9c1").unwrap());
    world.git(&world.proj(), &["branch", "cci"]);
    assert!(!world.shared().takes_branch("cci/fork-3fa9c1").unwrap());
    world.git(&world.proj(), &["pack-refs", "--all"]);
    assert!(!world.shared().takes_branch("cci/fork-3fa9c1").unwrap());
    world.git(&world.proj(), &["branch", "-q", "-D", "cci"]);
    world.git(&world.proj(), &["branch", "cci/fork-3fa9c1"]);
    assert!(!world.shared().takes_branch("cci/fork-3fa9c1").unwrap());
}

#[test]
fn a_worktree_keeps_its_commit_when_its_branch_is_lost() {
    let world = World::new();
    let first = world.head();
    world.add(&first, &[]).unwrap();
    let refs = world.proj().join(".git/packed-refs");
    world.git(&world.fork(), &["pack-refs", "--all"]);
    fs::remove_file(&refs).unwrap();
    world.shared().keep("proj-fork-3fa9c1", &first, "kept").unwrap();
    let on = || world.git(&world.fork(), &["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"]);
    assert_eq!(on(), format!("{first}\nrefs/heads/cci/fork-3fa9c1"));
    world.git(&world.fork(), &["checkout", "-q", "--detach"]);
    world.shared().keep("proj-fork-3fa9c1", &first, "kept").unwrap();
    assert_eq!(on(), format!("{first}\nHEAD"));
}

#[test]
fn a_head_that_names_no_ref_writes_none() {
    let world = World::new();
    let first = world.head();
    for head in ["ref: ../../outside", "ref: refs/../../outside", "ref: /etc/passwd", "ref: refs/heads/.x", "x"] {
        fs::write(world.proj().join(".git/HEAD"), head).unwrap();
        world.shared().move_head(None, &first, "adopt").unwrap();
        assert_eq!(fs::read_to_string(world.proj().join(".git/HEAD")).unwrap().trim(), first, "{head}");
    }
    assert!(!world.dir.path().join("outside").exists());
}

fn names_below(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(here) = waiting.pop() {
        for entry in fs::read_dir(&here).unwrap() {
            let path = entry.unwrap().path();
            all.push(path.strip_prefix(dir).unwrap().to_string_lossy().into_owned());
            if path.symlink_metadata().unwrap().is_dir() {
                waiting.push(path);
            }
        }
    }
    all.sort();
    all
}
