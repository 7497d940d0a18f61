//! Git in a root directory of its own that sees what a layout says, and nothing else: everything that people do works there, is quiet,
//! is seen on the host, and costs the host nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use cci_git::layout::{Bind, Layout, Nested, Private, Stub, WorksAt};

use crate::world::World;

/// The commands of an ordinary session; `$FILE` is a file of the repository.
const WORK: &str = "
git status --porcelain; git worktree list >/dev/null; git log -1 --format=%s
echo inside >>$FILE; git add -A .; git commit -qm inside
git branch side; git checkout -q side; git checkout -q -; git tag inside-tag
echo more >>$FILE; git stash -q; git stash pop -q; git checkout -q -- $FILE
at=$(git rev-parse HEAD)
git checkout -q side; echo side >side.txt; git add side.txt; git commit -qm side
git checkout -q --detach $at; echo two >two.txt; git add two.txt; git commit -qm two; git merge -q -m merged side
git checkout -q -b picked $at; echo three >three.txt; git add three.txt; git commit -qm three; git rebase -q side
git fetch -q . picked; git pack-refs --all; git reflog -1 >/dev/null
git worktree prune -v; git gc -q; git fsck --no-progress --no-dangling
if [ -e $(git rev-parse --git-dir)/gitdir ]; then git worktree repair; fi
";

/// A root directory with what a container sees of a layout.
struct Inside<'a> {
    world: &'a World,
    layout: Layout,
    script: String,
}

/// Where containers have the workspace.
const PLACE: &str = "/workspace";

impl<'a> Inside<'a> {
    fn new(world: &'a World, dir: &str) -> Self {
        Self::with(world, dir, false)
    }

    /// The same with common directories of its own.
    fn with_privates(world: &'a World, dir: &str) -> Self {
        Self::with(world, dir, true)
    }

    fn with(world: &'a World, dir: &str, has_own: bool) -> Self {
        let workspace = world.at(dir);
        let layout = Layout::find(&workspace, &world.at("home"), &Nested::find(&workspace)).unwrap();
        let root = world.text("root");
        fs::create_dir_all(&root).unwrap();
        let mut script = format!("set -e; R={root}; mount -t tmpfs none $R\n");
        script += "for d in usr etc dev proc tmp home workspace; do mkdir $R/$d; done\n";
        script += "for l in bin sbin lib lib64; do ln -s usr/$l $R/$l; done\n";
        script += "mount --rbind /usr $R/usr; mount --bind /dev $R/dev; mount --bind /proc $R/proc\n";
        writeln!(script, "mount --bind {} $R{PLACE}", workspace.display()).unwrap();
        layout.guarded.iter().for_each(|guarded| guarded.make().unwrap());
        let mut redirects = Vec::new();
        for (number, private) in layout.privates.iter().enumerate().filter(|_| has_own) {
            private.make().unwrap();
            redirects.push(world.at(&format!("redirect{number}")));
            fs::write(&redirects[number], format!("/tmp/git{number}\n")).unwrap();
            writeln!(script, "mkdir -p $R/tmp/git{number}/info").unwrap();
            let real = layout.inside(Path::new(PLACE), &private.real);
            for name in Private::LINKS {
                writeln!(script, "ln -s {}/{name} $R/tmp/git{number}/{name}", real.display()).unwrap();
            }
            for name in Private::COPIES {
                let from = private.real.display();
                writeln!(script, "cp {from}/{name} $R/tmp/git{number}/{name} 2>/dev/null || true").unwrap();
            }
        }
        for Bind { at, source, writable } in layout.binds(Path::new(PLACE), &redirects) {
            let make = if source.is_dir() { "mkdir -p" } else { "touch" };
            let (at, source) = (at.display(), source.display());
            writeln!(script, "[ -e $R{at} ] || {make} $R{at}; mount --bind {source} $R{at}").unwrap();
            if !writable {
                writeln!(script, "mount -o remount,bind,ro $R{at}").unwrap();
            }
        }
        for stub in &layout.stubs {
            let path = stub.path.display();
            let git_file = Stub::git_file(&layout.inside(Path::new(PLACE), &stub.record));
            writeln!(script, "mkdir -p $R{path}; printf '%s' '{git_file}' >$R{path}/.git").unwrap();
        }
        Self { world, layout, script }
    }

    /// What commands say there, and how they end, in the place where git works.
    fn run(&self, commands: &str) -> (String, bool) {
        let place = match self.layout.works_at {
            WorksAt::Anywhere => PLACE.to_owned(),
            WorksAt::HostPath => self.layout.workspace.to_str().unwrap().to_owned(),
        };
        let config = "user.name=A user.email=a@x init.defaultBranch=main protocol.file.allow=always safe.directory=*";
        let mut within = format!("set -e; cd {place}\n");
        for (number, pair) in config.split(' ').enumerate() {
            let (key, value) = pair.split_once('=').unwrap();
            writeln!(within, "export GIT_CONFIG_KEY_{number}={key} GIT_CONFIG_VALUE_{number}='{value}'").unwrap();
        }
        within += "export GIT_CONFIG_COUNT=5 HOME=/home PATH=/usr/local/bin:/usr/bin:/bin GIT_CONFIG_NOSYSTEM=1\n";
        within += commands;
        fs::write(self.world.at("within.sh"), within).unwrap();
        let script = format!(
            "{}cp {} $R/tmp/within.sh; exec chroot $R /bin/sh /tmp/within.sh",
            self.script,
            self.world.text("within.sh")
        );
        let mut unshare = Command::new("unshare");
        let done = unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script]).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (told.trim_end().to_owned(), done.status.success())
    }
}

/// All of it, in the workspace `dir` of a world; `repository` is where the host looks afterwards, and `file` is in the workspace.
fn works(world: &World, dir: &str, repository: &str, file: &str) {
    let inside = Inside::new(world, dir);
    let worktrees = world.git(repository, &["worktree", "list", "--porcelain"]);
    let worktrees: Vec<&str> = worktrees.lines().filter(|line| line.starts_with("worktree ")).collect();
    let config = fs::read(inside.layout.repository.as_ref().unwrap().common.join("config")).unwrap();

    // a commit of the host's is seen inside
    world.write(&format!("{dir}/{file}"), "host\n");
    world.git(dir, &["commit", "-qam", "of the host"]);
    let (told, done) = inside.run(&format!("FILE={file}{WORK}"));
    assert!(done, "{told}");
    // what a repack or a checkout says is not what is asked for here; what failed is
    assert_eq!(told, "of the host", "it is quiet");

    // commits of the inside are seen on the host, and nothing is lost
    assert_eq!(world.git(dir, &["log", "-1", "--format=%s"]), "three");
    assert_eq!(world.git(dir, &["log", "-1", "--format=%s", "inside-tag"]), "inside");
    assert_eq!(world.git(dir, &["status", "--porcelain", "."]), "");
    assert_eq!(world.git(repository, &["fsck", "--no-progress", "--no-dangling"]), "");
    assert_eq!(world.git(dir, &["worktree", "prune", "-v", "--dry-run"]), "");
    let now = world.git(repository, &["worktree", "list", "--porcelain"]);
    let now: Vec<&str> = now.lines().filter(|line| line.starts_with("worktree ")).collect();
    assert_eq!(now, worktrees);

    // what git would run on the host is out of reach
    for (command, path) in [("echo x >>", "config"), ("touch ", "hooks/pre-commit"), ("echo x >>", "info/attributes")] {
        let (told, done) = inside.run(&format!("{command}$(git rev-parse --git-common-dir)/{path}\n"));
        assert!(!done && told.contains("Read-only file system"), "{path}: {told}");
    }
    let (told, done) = inside.run("git config core.fsmonitor ./x");
    assert!(!done && told.contains("Device or resource busy"), "{told}");
    // the branch is gone although its settings cannot be
    let (told, _) = inside.run("git branch -q -D side");
    assert!(told.contains("Device or resource busy"), "{told}");
    assert_eq!(world.git(dir, &["branch", "--list", "side"]), "");
    assert_eq!(fs::read(inside.layout.repository.as_ref().unwrap().common.join("config")).unwrap(), config);
}

fn with_worktrees(world: &World) {
    world.repository("main");
    for path in ["../tree", "../other"] {
        world.git("main", &["worktree", "add", "-q", path]);
    }
}

#[test]
fn git_works_in_a_plain_repository_with_worktrees_elsewhere() {
    let world = World::new();
    with_worktrees(&world);
    works(&world, "main", "main", "src/file");
}

#[test]
fn git_works_in_a_linked_worktree() {
    let world = World::new();
    with_worktrees(&world);
    works(&world, "tree", "main", "src/file");
}

#[test]
fn git_works_in_a_worktree_of_a_bare_repository() {
    let world = World::new();
    world.repository("seed");
    world.git("", &["clone", "-q", "--bare", "seed", "proj.git"]);
    for path in ["../tree", "../other"] {
        world.git("proj.git", &["worktree", "add", "-q", path]);
    }
    works(&world, "tree", "proj.git", "src/file");
}

#[test]
fn git_works_with_a_separate_git_directory() {
    let world = World::new();
    world.repository("ws");
    world.git("ws", &["init", "-q", "--separate-git-dir", "../store"]);
    works(&world, "ws", "ws", "src/file");
}

#[test]
fn git_works_in_a_submodule_and_in_one_of_a_linked_worktree() {
    let world = World::new();
    world.with_submodule();
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    world.git("tree", &["submodule", "--quiet", "update", "--init"]);
    works(&world, "app/deps/lib", "app/deps/lib", "src/file");
    works(&world, "tree/deps/lib", "tree/deps/lib", "src/file");
}

#[test]
fn git_works_in_a_directory_of_a_repository() {
    let world = World::new();
    with_worktrees(&world);
    works(&world, "main/src", "main", "file");
}

#[test]
fn git_works_in_a_directory_of_a_linked_worktree() {
    let world = World::new();
    with_worktrees(&world);
    works(&world, "tree/src", "main", "file");
}

#[test]
fn submodules_are_updated_in_a_superproject_and_in_its_worktree() {
    let world = World::new();
    world.with_submodule();
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    world.git("tree", &["submodule", "--quiet", "update", "--init"]);
    for dir in ["app", "tree"] {
        let first = world.git(&format!("{dir}/deps/lib"), &["rev-parse", "HEAD"]);
        world.git(&format!("{dir}/deps/lib"), &["commit", "-q", "--allow-empty", "-m", "two"]);
        let (told, done) = Inside::with_privates(&world, dir).run(
            "git submodule --quiet update; git -C deps/lib config a.b c; git submodule --quiet foreach 'git status -s'",
        );
        assert_eq!((told.as_str(), done), ("", true), "{dir}");
        assert_eq!(world.git(&format!("{dir}/deps/lib"), &["rev-parse", "HEAD"]), first);
        // git on the host goes on with what was made there for the container
        assert!(world.git(dir, &["submodule", "status"]).starts_with(&first));
        world.git(dir, &["submodule", "--quiet", "update"]);
        assert_eq!(world.git(dir, &["status", "--porcelain"]), "");
    }
}

#[test]
fn borrowed_objects_are_there_and_cannot_be_lost() {
    let world = World::new();
    world.repository("lender");
    world.git("", &["clone", "-q", "--shared", "lender", "ws"]);
    works(&world, "ws", "ws", "src/file");
    let inside = Inside::new(&world, "ws");
    let (told, done) = inside.run(&format!("rm -rf {}\n", world.text("lender/.git/objects")));
    assert!(!done && told.contains("Read-only file system"), "{told}");
    assert_eq!(world.git("lender", &["fsck", "--no-progress", "--no-dangling"]), "");
}

#[test]
fn the_git_directory_of_a_plain_repository_cannot_be_replaced() {
    let world = World::new();
    world.repository("ws");
    world.repository("ws/vendor/tool");
    let inside = Inside::new(&world, "ws");
    for path in [".git", "vendor/tool/.git"] {
        let (told, done) = inside.run(&format!("mv {path} away"));
        assert!(!done && told.contains("Device or resource busy"), "{told}");
    }
}

#[test]
fn settings_can_be_changed_in_a_common_directory_of_the_containers_own() {
    const SETTINGS: &str = "git config a.b c; git remote add more https://x.example/a; git checkout -q -b new --track $ON;
        git branch -q -D old; git config --unset a.b; [ $(git config remote.more.url) = https://x.example/a ]; git checkout -q $ON\n";
    let world = World::new();
    with_worktrees(&world);
    for (dir, on) in [("tree", "tree"), ("main", "main"), ("main/src", "main")] {
        let file = if dir == "main/src" { "file" } else { "src/file" };
        world.git("main", &["branch", "old"]);
        world.git("main", &["config", "branch.old.remote", "origin"]);
        let config = fs::read(world.at("main/.git/config")).unwrap();
        let inside = Inside::with_privates(&world, dir);
        let (told, done) = inside
            .run(&format!("ON={on}; FILE={file}\n{SETTINGS}{WORK}git checkout -q $ON; git branch -D -q picked side\n"));
        assert!(done, "{dir}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert_eq!(fs::read(world.at("main/.git/config")).unwrap(), config);
        assert_eq!(world.git("main", &["branch", "--list", "old", "side", "picked"]), "");
        assert_eq!(world.git(dir, &["log", "-1", "--format=%s", "inside-tag"]), "inside");
        assert_eq!(world.git("main", &["fsck", "--no-progress", "--no-dangling"]), "");
        assert_eq!(world.git("main", &["worktree", "list"]).lines().count(), 3);
        // the host goes on with what is left there
        world.git(dir, &["commit", "-q", "--allow-empty", "-m", "more"]);
        world.git("main", &["tag", "-d", "inside-tag"]);
        world.git("main", &["branch", "-D", "new"]);
    }
    // and it is a layout as before
    assert!(world.find("main").is_ok() && world.find("tree").is_ok());
}
