//! Worktrees of sessions with the real git on both sides: made, committed in, brought back; and what a hostile session would bring.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use cci_git::Id;
use cci_git::worktree::{Forward, Made, New, at, bring, forward, is_merged, left, make, resolve};

struct World {
    dir: tempfile::TempDir,
}

fn git(at: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_OPTIONAL_LOCKS", "0")]);
    let person = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"];
    let out = command.args(person).arg("-C").arg(at).args(args).output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

impl World {
    /// A repository with a program, a link, a deep directory, and packs with differences.
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        let parent = world.parent();
        fs::create_dir_all(parent.join("a/b/c")).unwrap();
        git(&parent, &["init", "-q", "-b", "main"]);
        let long = "a line of many\n".repeat(3000);
        for number in 0..6 {
            fs::write(parent.join("long"), format!("{long}{number}\n")).unwrap();
            fs::write(parent.join("a/b/c/deep"), format!("{number}")).unwrap();
            fs::write(parent.join("a.b"), "between").unwrap();
            fs::write(parent.join(".gitignore"), "*.log\n").unwrap();
            git(&parent, &["add", "-A"]);
            git(&parent, &["commit", "-qm", &format!("c{number}")]);
        }
        symlink("a/b", parent.join("link")).unwrap();
        fs::write(parent.join("run"), "#!/bin/sh\n").unwrap();
        git(&parent, &["add", "-A"]);
        git(&parent, &["update-index", "--chmod=+x", "run"]);
        git(&parent, &["commit", "-qm", "last"]);
        git(&parent, &["checkout", "-q", "--", "run"]);
        git(&parent, &["gc", "-q", "--aggressive"]);
        git(&parent, &["tag", "-am", "t", "v1"]);
        git(&parent, &["branch", "cci/x"]);
        world
    }

    fn parent(&self) -> PathBuf {
        let path = self.dir.path().canonicalize().unwrap().join("parent");
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn session(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("session")
    }

    fn head(&self) -> Id {
        git(&self.parent(), &["rev-parse", "HEAD"]).parse().unwrap()
    }

    fn made(self) -> Self {
        self.made_with(&[], &[]);
        self
    }

    fn made_with(&self, copy: &[&str], link: &[&str]) -> Made {
        let (parent, session) = (self.parent(), self.session());
        let common = parent.join(".git");
        let new = New {
            parent: &common,
            git_dir: &common,
            files: Some(&parent),
            at: &session,
            branch: "cci/x",
            base: self.head(),
            owner: None,
            ignored: b"*.mine\n",
            copy: &copy.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(),
            link: &link.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(),
        };
        make(&new).unwrap()
    }

    fn open(path: &Path) -> fs::File {
        fs::File::open(path.join(".git")).unwrap()
    }

    fn tip(&self) -> Id {
        at(&Self::open(&self.session()), "refs/heads/cci/x").unwrap()
    }

    fn brought(&self, tip: Id) -> Result<usize, String> {
        bring(&Self::open(&self.session()), &Self::open(&self.parent()), tip).map_err(|fault| fault.to_string())
    }

    fn objects(&self) -> usize {
        git(&self.parent(), &["cat-file", "--batch-all-objects", "--batch-check"]).lines().count()
    }
}

#[test]
fn git_finds_a_new_worktree_clean_and_whole() {
    let world = World::new().made();
    let session = world.session();
    assert_eq!(git(&session, &["status", "--porcelain", "--branch"]), "## cci/x");
    assert_eq!(git(&session, &["diff-index", "--cached", "HEAD"]), "");
    // the index knows the files: git reads none of them
    assert_eq!(git(&session, &["diff-files"]), "");
    git(&session, &["fsck", "--strict"]);
    assert_eq!(fs::read_link(session.join("link")).unwrap(), Path::new("a/b"));
    let refs = git(&session, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/cci/x\nrefs/heads/main\nrefs/tags/v1");
    let (open, parent) = (fs::File::open(&session).unwrap(), World::open(&world.parent()));
    let left = left(&open, &parent, "cci/x", world.head(), b"").unwrap();
    assert_eq!((left.files, left.elsewhere), (0, false), "{left:?}");
    assert_eq!(resolve(&parent, "v1", None).unwrap(), Some(world.head()), "through an annotated tag");
}

#[test]
fn what_a_session_commits_comes_to_the_parent_loose_and_packed() {
    let world = World::new().made();
    let session = world.session();
    for (round, packs) in [("one", false), ("two", true)] {
        fs::write(session.join("long"), format!("{}{round}\n", fs::read_to_string(session.join("long")).unwrap()))
            .unwrap();
        fs::write(session.join(round), round).unwrap();
        git(&session, &["add", "-A"]);
        git(&session, &["commit", "-qm", round]);
        if packs {
            git(&session, &["gc", "-q"]);
        }
        assert!(world.brought(world.tip()).unwrap() > 0);
        let tip = world.tip().to_string();
        assert_eq!(git(&world.parent(), &["show", &format!("{tip}:{round}")]), round);
        git(&world.parent(), &["update-ref", "refs/heads/cci/x", &tip]);
        git(&world.parent(), &["fsck", "--strict", "--full"]);
    }
}

#[test]
fn what_is_left_in_a_worktree_is_found() {
    let world = World::new().made();
    let session = world.session();
    let look = || {
        let parent = World::open(&world.parent());
        left(&fs::File::open(&session).unwrap(), &parent, "cci/x", world.head(), b"/note\n").unwrap()
    };
    fs::write(session.join("a.log"), "ignored").unwrap();
    fs::write(session.join("note"), "copied").unwrap();
    assert_eq!(look().files, 0);
    fs::write(session.join("new"), "").unwrap();
    assert_eq!((look().files, look().first), (1, Some("new".into())));
    fs::remove_file(session.join("new")).unwrap();
    fs::remove_file(session.join("a.b")).unwrap();
    assert_eq!((look().files, look().first), (1, Some("a.b".into())));
    git(&session, &["stash", "-q"]);
    assert!(look().elsewhere, "a stash is nowhere else");
}

#[test]
fn objects_that_git_would_not_take_from_a_stranger_are_refused_and_none_comes() {
    let world = World::new().made();
    let (session, before) = (world.session(), world.objects());
    let raw = |kind: &str, bytes: &[u8]| -> String {
        let file = world.dir.path().join("raw");
        fs::write(&file, bytes).unwrap();
        git(&session, &["hash-object", "-t", kind, "-w", "--literally", file.to_str().unwrap()])
    };
    let commit = |tree: &str| -> Id {
        let text = format!("tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nm\n");
        raw("commit", text.as_bytes()).parse().unwrap()
    };
    let blob = raw("blob", b"x");
    let bytes: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap()).collect();
    for name in [".git", "..", "a/b", ".GIT"] {
        let tree = raw("tree", &[b"100644 ", name.as_bytes(), b"\0", &bytes].concat());
        let refusal = world.brought(commit(&tree)).unwrap_err();
        assert!(refusal.contains("a name in it is not allowed"), "{name}: {refusal}");
    }
    let missing = raw("tree", &[b"100644 a\0".as_slice(), &[7; 20]].concat());
    assert!(world.brought(commit(&missing)).unwrap_err().contains("is missing"));
    // bytes that are not what the id says
    let tree = git(&session, &["rev-parse", "HEAD^{tree}"]);
    let good = commit(&tree);
    let last = if tree.ends_with('0') { '1' } else { '0' };
    let forged = commit(&tree[..39].chars().chain([last]).collect::<String>());
    let place = |id: &str| session.join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(place(&good.to_string())).unwrap();
    fs::copy(place(&forged.to_string()), place(&good.to_string())).unwrap();
    assert!(world.brought(good).unwrap_err().contains("its bytes are others"));
    // a link is not followed, wherever it leads
    fs::remove_file(place(&good.to_string())).unwrap();
    symlink(place(&forged.to_string()), place(&good.to_string())).unwrap();
    assert!(world.brought(good).unwrap_err().contains("is missing"));
    assert_eq!(world.objects(), before, "something of it came");
    git(&world.parent(), &["fsck", "--strict"]);
}

#[test]
fn a_sparse_checkout_and_files_that_no_commit_has_are_as_in_the_parent() {
    let world = World::new();
    let parent = world.parent();
    git(&parent, &["sparse-checkout", "set", "--cone", "nothing"]);
    fs::write(parent.join(".worktreeinclude"), "*.env\n/a.b\n*.mine\n/notes\nlink/\n").unwrap();
    fs::write(parent.join(".git/info/exclude"), "*.env\n!keep.env\n").unwrap();
    fs::write(parent.join("my.env"), "SECRET=1").unwrap();
    fs::write(parent.join("keep.env"), "not ignored").unwrap();
    fs::write(parent.join("notes"), "neither").unwrap();
    fs::write(parent.join("x.mine"), "ignored by the user").unwrap();
    symlink("/etc/hostname", parent.join("out.env")).unwrap();
    fs::create_dir(parent.join("inner")).unwrap();
    fs::write(parent.join("inner/.gitignore"), "deep.env\n!my.env\n").unwrap();
    for name in ["deep.env", "my.env"] {
        fs::write(parent.join("inner").join(name), "x").unwrap();
    }
    // where the commit has a link, the user has a directory by now
    fs::remove_file(parent.join("link")).unwrap();
    fs::create_dir(parent.join("link")).unwrap();
    fs::write(parent.join("link/through.env"), "x").unwrap();
    let world = world.made();
    let session = world.session();
    assert!(!session.join("a").exists() && session.join("long").exists());
    assert_eq!(fs::read_to_string(session.join("my.env")).unwrap(), "SECRET=1");
    for (name, is_there) in
        [("x.mine", true), ("inner/deep.env", true), ("inner/my.env", false), ("keep.env", false), ("notes", false)]
    {
        assert_eq!(session.join(name).exists(), is_there, "{name}");
    }
    assert!(!session.join("out.env").exists(), "a link was followed");
    assert!(session.join("link").is_symlink() && !session.join("a/b/through.env").exists(), "written through a link");
    assert_eq!(git(&session, &["status", "--porcelain"]), "");
}

#[test]
fn directories_that_git_ignores_are_copied_and_others_are_not() {
    let world = World::new();
    let parent = world.parent();
    fs::write(parent.join(".git/info/exclude"), "/deps\n/shown\n/out\n/file\n/a\n").unwrap();
    fs::create_dir_all(parent.join("deps/bin/.git")).unwrap();
    fs::write(parent.join("deps/tool"), "x").unwrap();
    fs::write(parent.join("deps/bin/.git/config"), "x").unwrap();
    symlink("../tool", parent.join("deps/bin/tool")).unwrap();
    let run = fs::Permissions::from_mode(0o4555);
    fs::set_permissions(parent.join("deps/tool"), run).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::open(parent.join("deps/tool")).unwrap().set_modified(old).unwrap();
    fs::create_dir_all(parent.join("venv/lib")).unwrap();
    fs::write(parent.join("venv/.gitignore"), "*\n").unwrap();
    fs::create_dir(parent.join("shown")).unwrap();
    fs::write(parent.join("shown/inner"), "x").unwrap();
    fs::create_dir(parent.join("data")).unwrap();
    fs::write(parent.join("data/mine"), "x").unwrap();
    fs::write(parent.join("file"), "x").unwrap();
    symlink("/etc", parent.join("out")).unwrap();
    fs::write(parent.join(".worktreeinclude"), "inner\n").unwrap();

    let made = world.made_with(&["deps", "venv", "data", "a", "out", "out/ssh", "missing", "file"], &["shown"]);
    let session = world.session();
    assert_eq!(made.linked, ["shown"]);
    let skipped: Vec<&str> = made.skipped.iter().map(|one| &*one.path).collect();
    assert_eq!(skipped, ["data", "a", "out", "out/ssh", "file"], "{made:?}");
    let copy = fs::metadata(session.join("deps/tool")).unwrap();
    assert_eq!((copy.mode() & 0o7777, copy.modified().unwrap()), (0o555, old));
    assert_eq!(fs::read_link(session.join("deps/bin/tool")).unwrap(), Path::new("../tool"));
    assert!(!session.join("deps/bin/.git").exists(), "a repository came along");
    assert!(session.join("venv/lib").is_dir() && !session.join("data").exists() && !session.join("out").exists());
    assert_eq!(fs::read_dir(session.join("shown")).unwrap().count(), 0, "it is for a mount");
    assert_eq!(git(&session, &["status", "--porcelain"]), "");
    let exclude = fs::read(session.join(".git/info/exclude")).unwrap();
    fs::write(session.join("deps/new"), "installed").unwrap();
    let (open, of_parent) = (fs::File::open(&session).unwrap(), World::open(&parent));
    let left = left(&open, &of_parent, "cci/x", world.head(), &exclude).unwrap();
    assert_eq!(left.files, 0, "{left:?}");
}

#[test]
fn the_users_worktree_goes_forward_unless_something_is_in_the_way() {
    let world = World::new().made();
    let (session, parent) = (world.session(), world.parent());
    fs::write(session.join("a/b/c/deep"), "changed").unwrap();
    fs::remove_file(session.join("link")).unwrap();
    fs::create_dir(session.join("new")).unwrap();
    fs::write(session.join("new/file"), "n").unwrap();
    git(&session, &["add", "-A"]);
    git(&session, &["commit", "-qm", "next"]);
    world.brought(world.tip()).unwrap();
    let (from, to, common) = (world.head(), world.tip(), parent.join(".git"));
    let wanted = Forward { repository: &common, git_dir: &common, files: &parent, from, to };
    fs::write(parent.join("a/b/c/deep"), "mine").unwrap();
    assert!(forward(&wanted).unwrap_err().to_string().contains("a/b/c/deep has changes of its own"));
    assert!(!parent.join("new").exists() && parent.join("link").is_symlink(), "part of it was done");
    git(&parent, &["checkout", "-q", "--", "."]);
    assert!(forward(&wanted).unwrap());
    git(&parent, &["update-ref", "refs/heads/main", &to.to_string()]);
    assert_eq!(git(&parent, &["status", "--porcelain"]), "");
    assert!(!forward(&Forward { from: to, to: from, ..wanted }).unwrap(), "backwards");
    let opened = fs::File::open(&common).unwrap();
    assert!(is_merged(&opened, from, to).unwrap() && !is_merged(&opened, to, from).unwrap());
}
