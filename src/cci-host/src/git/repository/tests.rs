//! Workspaces as git itself makes them, and as an agent could.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(world.at("home")).unwrap();
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn git(&self, dir: &str, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@x", "-c", "protocol.file.allow=always"]).args(args);
        git.env_clear().env("HOME", self.at("home")).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let done = git.current_dir(self.at(dir)).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn repository(&self, dir: &str) {
        fs::create_dir_all(self.at(dir)).unwrap();
        self.git(dir, &["init", "-q"]);
        self.git(dir, &["commit", "-q", "--allow-empty", "-m", "one"]);
    }

    fn dir_with(&self, dir: &str, dot_git: &str) {
        fs::create_dir_all(self.at(dir)).unwrap();
        fs::write(self.at(dir).join(".git"), dot_git).unwrap();
    }

    fn seen(&self, dir: &str, mounted: &[&str]) -> Option<Elsewhere> {
        elsewhere(&self.at(dir), &self.at("home"), mounted)
    }
}

#[test]
fn hooks_that_are_not_in_the_workspace_are_named() {
    let world = World::new();
    world.repository("main");
    let host = world.at("hooks").to_str().unwrap().to_owned();
    for (path, is_named) in [
        (host.as_str(), true),
        ("~/hooks", true),
        ("../hooks", true),
        (".husky", false),
        ("/workspace/.husky", false),
        ("", false),
    ] {
        world.git("main", &["config", "core.hooksPath", path]);
        let want = is_named.then(|| Elsewhere::Hooks { at: path.into() });
        assert_eq!(world.seen("main", &[]), want, "{path}");
    }
    world.git("main", &["config", "core.hooksPath", &host]);
    assert_eq!(world.seen("main", &[&host]), None, "they are mounted");
}

#[test]
fn a_linked_worktree_names_its_main_repository_and_what_to_mount() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let common = world.at("main/.git");
    let want = Elsewhere::Worktree { main: world.at("main"), common: common.clone(), inside: common.clone() };
    assert_eq!(world.seen("tree", &[]), Some(want));
    assert_eq!(world.seen("tree", &[common.to_str().unwrap()]), None, "it is mounted");
    assert_eq!(world.seen("main", &[]), None);
    // with relative paths, as newer gits write them if asked
    fs::write(world.at("tree/.git"), "gitdir: ../main/.git/worktrees/tree\n").unwrap();
    let inside = PathBuf::from("/main/.git");
    assert_eq!(world.seen("tree", &[]), Some(Elsewhere::Worktree { main: world.at("main"), common, inside }));
    assert_eq!(world.seen("tree", &["/main/.git"]), None);
}

#[test]
fn a_submodule_names_the_worktree_that_it_belongs_to() {
    let world = World::new();
    world.repository("lib");
    world.repository("app");
    let lib = world.at("lib");
    world.git("app", &["submodule", "--quiet", "add", lib.to_str().unwrap(), "deps/lib"]);
    assert_eq!(world.seen("app/deps/lib", &[]), Some(Elsewhere::Submodule { of: world.at("app") }));
    assert_eq!(world.seen("app", &[]), None);
}

#[test]
fn a_directory_within_a_repository_names_its_top() {
    let world = World::new();
    world.repository("app");
    fs::create_dir_all(world.at("app/src/deep")).unwrap();
    assert_eq!(world.seen("app/src/deep", &[]), Some(Elsewhere::Part { of: world.at("app") }));
    world.repository("home");
    fs::create_dir_all(world.at("home/notes")).unwrap();
    assert_eq!(world.seen("home/notes", &[]), None, "a home under git is no project");
}

#[test]
fn what_a_planted_file_names_is_no_repository_to_be_mounted() {
    let world = World::new();
    fs::create_dir_all(world.at("home/.ssh")).unwrap();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let of_tree = world.at("main/.git/worktrees/tree");
    for to in [world.at("home/.ssh"), world.at("nowhere"), of_tree, world.at("home/.git/modules/x")] {
        world.dir_with("planted", &format!("gitdir: {}\n", to.display()));
        assert_eq!(world.seen("planted", &[]), Some(Elsewhere::Led { to }));
    }
    // files that name each other, all in the workspace, and a directory that is to be had
    fs::create_dir_all(world.at("planted/evil")).unwrap();
    fs::write(world.at("planted/evil/gitdir"), world.at("planted/.git").to_str().unwrap()).unwrap();
    fs::write(world.at("planted/evil/commondir"), world.at("home/.ssh").to_str().unwrap()).unwrap();
    world.dir_with("planted", "gitdir: ../planted/evil\n");
    assert_eq!(world.seen("planted", &[]), Some(Elsewhere::Led { to: world.at("planted/evil") }));
    for text in ["", "gitdir", "nonsense\n", "gitdir: a\nb\n", "gitdir: sub/.git\n", "gitdir: ./x\n"] {
        world.dir_with("planted", text);
        assert_eq!(world.seen("planted", &[]), None, "{text:?}");
    }
    fs::remove_file(world.at("planted/.git")).unwrap();
    assert!(Command::new("mkfifo").arg(world.at("planted/.git")).status().unwrap().success());
    assert_eq!(world.seen("planted", &[]), None, "nothing is waited for");
}

#[test]
fn a_link_and_borrowed_objects_lead_out_too() {
    let world = World::new();
    world.repository("main");
    fs::create_dir_all(world.at("linked")).unwrap();
    symlink("../main/.git", world.at("linked/.git")).unwrap();
    assert_eq!(world.seen("linked", &[]), Some(Elsewhere::Led { to: world.at("main/.git") }));
    world.git("", &["clone", "-q", "--shared", "main", "clone"]);
    let objects = world.at("main/.git/objects");
    assert_eq!(world.seen("clone", &[]), Some(Elsewhere::Borrows { from: objects.clone() }));
    assert_eq!(world.seen("clone", &[objects.to_str().unwrap()]), None);
}

#[test]
fn paths_of_the_host_in_the_repositorys_configuration_are_named() {
    let world = World::new();
    world.repository("main");
    let set = |keys: &str| fs::write(world.at("main/.git/config"), format!("[core]\n{keys}")).unwrap();
    for (worktree, hooks) in [("/workspace/x", "/workspace/x"), ("../x", ".husky"), ("x", "x")] {
        set(&format!("worktree = {worktree}\nhooksPath = {hooks}\n"));
        assert_eq!(world.seen("main", &[]), None, "{worktree}, {hooks}");
    }
    set("hooksPath = /home/ann/hooks\n");
    assert_eq!(world.seen("main", &[]), Some(Elsewhere::Hooks { at: "/home/ann/hooks".into() }));
    assert_eq!(world.seen("main", &["/home/ann"]), None, "it is mounted");
    let main = world.at("main");
    set(&format!("hooksPath = /home/ann/hooks\nworktree = {}\n", main.display()));
    assert_eq!(world.seen("main", &[]), Some(Elsewhere::Configured { worktree: main }));
}

#[test]
fn nothing_of_the_repository_is_run() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let ran = world.at("ran");
    let config = format!(
        "[core]\n\tfsmonitor = \"touch {0}\"\n\tsshCommand = touch {0}\n\trepositoryformatversion = 99\n",
        ran.display()
    );
    fs::write(world.at("main/.git/config"), config).unwrap();
    assert!(matches!(world.seen("tree", &[]), Some(Elsewhere::Worktree { .. })));
    assert!(!ran.exists());
}
