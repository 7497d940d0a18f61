//! The exit gate: two snapshots of a workspace, and what would run of what is new.

use std::path::Path;
use std::process::Command;

use cci_git::review::{Finding, How, Review, Sink};
use cci_git::{Captured, Snapshot};

use crate::support::Bed;

fn git(bed: &Bed, args: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=A", "-c", "user.email=a@x", "-c", "init.defaultBranch=main"]).args(args);
    git.env_clear()
        .env("HOME", bed.base.path())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    let done = git.current_dir(&bed.root).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn findings(bed: &Bed, old: &Snapshot, new: &Captured) -> (Vec<Finding>, usize) {
    let agents = [".agent/settings*.json".to_owned(), ".agent/hooks/".to_owned()];
    let root = bed.root.canonicalize().unwrap();
    let review = Review { root: &root, old, new: &new.snapshot, not_held: &new.not_held, agents: &agents, most: 200 };
    bed.store.review(&review).unwrap()
}

/// The findings since a snapshot, a line each.
fn told(bed: &Bed, old: &Snapshot) -> Vec<String> {
    let line = |one: &Finding| {
        let (path, detail) = (one.path.display(), one.detail.join(", "));
        format!("{:?} {path} {:?} {detail}", one.sink, one.how).trim_end().to_owned()
    };
    findings(bed, old, &bed.capture()).0.iter().map(line).collect()
}

fn repository() -> Bed {
    let bed = Bed::new();
    git(&bed, &["init", "-q"]);
    bed.write("src/main.rs", "fn main() {}");
    bed.write("package.json", "{\"scripts\": {\"test\": \"x\"}}");
    git(&bed, &["add", "."]);
    git(&bed, &["commit", "-q", "-m", "one"]);
    bed
}

#[test]
fn ordinary_work_is_quiet() {
    let bed = repository();
    let old = bed.snapshot();
    assert_eq!(told(&bed, &old), [""; 0], "nothing at all");
    bed.write("src/lib.rs", "//! x");
    bed.write("README.md", "x");
    bed.write("package.json", "{\"scripts\": {\"test\": \"y\"}, \"dependencies\": {\"a\": \"1\"}}");
    bed.write("package-lock.json", "{}");
    bed.write(".vscode/extensions.json", "{}");
    bed.write(".gitignore", "target\n");
    bed.write(".gitattributes", "*.rs text diff=rust\n");
    bed.link("lib.rs", "src/link.rs");
    for args in [
        &["add", "."][..],
        &["commit", "-q", "-m", "two"],
        &["branch", "side"],
        &["tag", "v1"],
        &["config", "user.name", "B"],
        &["remote", "add", "origin", "https://x.example/a"],
        &["worktree", "add", "-q", "trees/x"],
        &["gc", "-q"],
    ] {
        git(&bed, args);
    }
    // a worktree of the agent's own is one: its `.git` is new
    let lines = told(&bed, &old);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("GitRepository trees/x/.git New gitdir: "));
}

#[test]
fn each_sink_is_found_and_grouped_in_one_order() {
    let bed = repository();
    git(&bed, &["config", "core.hooksPath", ".hooks"]);
    git(&bed, &["config", "include.path", "../.gitmore"]);
    let old = bed.snapshot();
    for (path, text) in [
        (".git/hooks/pre-commit", "x"),
        (".git/hooks/pre-push.sample", "x"),
        (".hooks/pre-commit", "x"),
        (".gitmore", "[core]\npager = x\n"),
        (".git/info/attributes", "* filter=x\n"),
        ("vendor/x/.git", "gitdir: /evil\n"),
        (".envrc", "x"),
        (".vscode/tasks.json", "{\"runOn\": \"folderOpen\"}"),
        (".devcontainer/devcontainer.json", "{}"),
        (".agent/settings.local.json", "{}"),
        (".agent/hooks/deep/x", "x"),
        (".agent/other", "x"),
        ("package.json", "{\"scripts\": {\"postinstall\": \"x\"}}"),
        (".pre-commit-config.yaml", "x"),
        (".github/workflows/ci.yml", "x"),
        ("sub/Makefile", "x"),
    ] {
        bed.write(path, text);
    }
    for program in [".git/hooks/pre-commit", ".hooks/pre-commit"] {
        bed.mode(program, 0o755);
    }
    bed.link("../../etc", "out");
    bed.link("/etc/passwd", "absolute");
    bed.write("tool", "x");
    bed.mode("tool", 0o4755);
    git(&bed, &["config", "core.fsmonitor", "./x"]);
    assert_eq!(
        told(&bed, &old),
        [
            "GitHook .git/hooks/pre-commit New",
            "GitHook .hooks/pre-commit New",
            "GitConfig .git/config Changed core.fsmonitor = ./x",
            "GitConfig .gitmore New core.pager = x",
            "GitAttributes .git/info/attributes New filter=x",
            "GitRepository vendor/x/.git New gitdir: /evil",
            "Link absolute New /etc/passwd",
            "Link out New ../../etc",
            "SetId tool New mode 4755",
            "Shell .envrc New",
            "Editor .vscode/tasks.json New may run when the folder is opened",
            "Devcontainer .devcontainer/devcontainer.json New",
            "Agent .agent/hooks/deep/x New",
            "Agent .agent/settings.local.json New",
            "Package package.json Changed postinstall: x",
            "Checks .pre-commit-config.yaml New",
            "Workflow .github/workflows/ci.yml New",
            "Build sub/Makefile New",
        ]
    );
    let all = Sink::ALL.map(|sink| sink.to_string());
    assert!(all.iter().all(|heading| !heading.is_empty()) && Sink::ALL.is_sorted());
}

#[test]
fn what_was_there_is_no_finding_until_it_changes() {
    let bed = repository();
    bed.write(".envrc", "x");
    bed.write(".git/hooks/pre-commit", "x");
    bed.mode(".git/hooks/pre-commit", 0o755);
    bed.write(".git/hooks/pre-push", "not a program yet");
    bed.link("/etc/passwd", "link");
    let old = bed.snapshot();
    assert_eq!(told(&bed, &old), [""; 0]);
    bed.mode(".git/hooks/pre-commit", 0o700);
    assert_eq!(told(&bed, &old), [""; 0], "it was a program");
    bed.mode(".git/hooks/pre-push", 0o755);
    bed.write(".envrc", "y");
    std::fs::remove_file(bed.at("link")).unwrap();
    bed.link("/etc/shadow", "link");
    let want = ["GitHook .git/hooks/pre-push Changed", "Link link Changed /etc/shadow", "Shell .envrc Changed"];
    assert_eq!(told(&bed, &old), want);
    for path in [".envrc", "link", ".git/hooks/pre-push", ".git/hooks/pre-commit"] {
        std::fs::remove_file(bed.at(path)).unwrap();
    }
    assert_eq!(told(&bed, &old), [""; 0], "what is gone runs no more");
}

#[test]
fn a_bare_repository_with_any_name_is_one() {
    let bed = repository();
    let old = bed.snapshot();
    git(&bed, &["clone", "-q", "--bare", ".", "docs"]);
    git(&bed, &["--git-dir", "docs", "config", "core.fsmonitor", "x"]);
    let lines = told(&bed, &old);
    let bare = "GitRepository docs New a bare repository: git in this directory does what it says";
    assert_eq!(lines, ["GitConfig docs/config New core.fsmonitor = x", bare]);
    // a directory with such names that is none
    let old = bed.snapshot();
    bed.write("etc/config", "[core]\npager = x\n");
    bed.write("etc/hooks/x", "x");
    bed.mode("etc/hooks/x", 0o755);
    assert_eq!(told(&bed, &old), [""; 0]);
}

#[test]
fn a_repository_made_another_ones_worktree_is_found() {
    let bed = repository();
    let old = bed.snapshot();
    bed.write(".git/commondir", "../evil\n");
    assert_eq!(told(&bed, &old), ["GitRepository .git/commondir New ../evil"]);
}

#[test]
fn what_cannot_be_judged_is_said_and_nothing_is_endless() {
    let mut bed = repository();
    bed.max_file = 3 << 20;
    let old = bed.snapshot();
    bed.write(".envrc", vec![b'x'; 2 << 20]);
    bed.write("package.json", vec![b'{'; 4 << 20]);
    bed.write("a/package.json", vec![b'['; 1 << 19]);
    bed.write("b/.vscode/settings.json", b"\xff\xfe\0");
    bed.write(".gitmodules", "[submodule \"x\"]\nupdate = !\u{1b}[2J\n");
    assert!(Command::new("mkfifo").arg(bed.at("Makefile")).status().unwrap().success());
    for number in 0..300 {
        bed.write(&format!("many/{number}/.envrc"), "x");
    }
    let (all, more) = findings(&bed, &old, &bed.capture());
    let how = |path: &str| all.iter().find(|one| one.path == Path::new(path)).map(|one| one.how);
    assert_eq!(how(".envrc"), Some(How::Unseen));
    assert_eq!(how("package.json"), Some(How::Unseen));
    assert_eq!(how("a/package.json"), Some(How::New));
    assert_eq!(how("Makefile"), Some(How::Unseen));
    assert_eq!(how("b/.vscode/settings.json"), None);
    assert_eq!((all.iter().filter(|one| one.sink == Sink::Shell).count(), more), (200, 101));
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Finding>>(&text).unwrap(), all);
}
