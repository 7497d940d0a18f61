//! Repositories of git in a workspace come back, and lose no commit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Bed, Seen, look, same};

/// Runs git in the workspace, as the agent would.
fn git(bed: &Bed, place: &str, words: &[&str]) -> String {
    let ran = Command::new("git")
        .current_dir(bed.at(place))
        .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(words)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", bed.base.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(
            ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]
                .map(|key| (key, "agent")),
        )
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "git {words:?}: {told}");
    told
}

/// A repository with two branches, a stash, a staged file and one that is ignored.
fn repository() -> Bed {
    let bed = Bed::new();
    git(&bed, ".", &["init", "-q", "-b", "main"]);
    bed.write("tracked", "1\n");
    bed.write(".gitignore", "ignored\n");
    git(&bed, ".", &["add", "."]);
    git(&bed, ".", &["commit", "-qm", "first"]);
    git(&bed, ".", &["branch", "side"]);
    bed.write("tracked", "stashed\n");
    git(&bed, ".", &["stash"]);
    bed.write("staged", "1\n");
    git(&bed, ".", &["add", "staged"]);
    bed.write("ignored", "1\n");
    bed.write("untracked", "1\n");
    bed
}

fn state(bed: &Bed) -> [String; 4] {
    [
        git(bed, ".", &["status", "--porcelain", "--branch"]),
        git(bed, ".", &["log", "--all", "--format=%H %s"]),
        git(bed, ".", &["stash", "list"]),
        git(bed, ".", &["for-each-ref"]),
    ]
}

/// What must be as it was; objects and reflogs may be more.
fn comparable(bed: &Bed) -> BTreeMap<PathBuf, Seen> {
    let free = |path: &Path| {
        let path = path.to_string_lossy();
        path.contains(".git/") && (path.contains("/objects") || path.contains("/logs")) && !path.ends_with("refs/stash")
    };
    look(&bed.root).into_iter().filter(|(path, _)| !free(path)).collect()
}

#[test]
fn commits_branches_stash_and_index_come_back_and_nothing_is_lost() {
    let bed = repository();
    let (told, was, first) = (state(&bed), comparable(&bed), bed.snapshot());

    bed.write("ignored", "2\n");
    fs::remove_file(bed.at("untracked")).unwrap();
    git(&bed, ".", &["commit", "-qam", "second"]);
    bed.write("tracked", "3\n");
    git(&bed, ".", &["commit", "-qam", "third"]);
    let third = git(&bed, ".", &["rev-parse", "HEAD"]).trim().to_owned();
    git(&bed, ".", &["branch", "-D", "side"]);
    git(&bed, ".", &["checkout", "-qb", "new"]);
    bed.write("tracked", "stashed again\n");
    git(&bed, ".", &["stash"]);
    let (told_then, was_then, second) = (state(&bed), comparable(&bed), bed.snapshot());

    let restored = bed.restore_all(&first);
    same(&comparable(&bed), &was);
    assert_eq!(state(&bed), told);
    let log = git(&bed, ".", &["reflog", "HEAD"]);
    assert!(log.lines().next().unwrap().contains("rewind to 0123456789"), "{log}");
    assert!(log.contains("third"), "{log}");
    assert_eq!(git(&bed, ".", &["rev-parse", "main@{1}"]).trim(), third);
    git(&bed, ".", &["fsck", "--full"]);
    assert_eq!(git(&bed, ".", &["cat-file", "-t", &third]).trim(), "commit");
    assert!(restored.written > 0);

    // a second time adds no second line
    bed.restore_all(&first);
    assert_eq!(git(&bed, ".", &["reflog", "HEAD"]), log);
    bed.restore_all(&second);
    same(&comparable(&bed), &was_then);
    assert_eq!(state(&bed), told_then);
}

#[test]
fn objects_that_were_packed_or_deleted_come_back() {
    let bed = repository();
    let (told, was, first) = (state(&bed), comparable(&bed), bed.snapshot());
    bed.write("tracked", "4\n");
    git(&bed, ".", &["commit", "-qam", "fourth"]);
    git(&bed, ".", &["gc", "-q", "--prune=now"]);
    let packed: Vec<_> =
        fs::read_dir(bed.at(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!packed.is_empty());
    bed.restore_all(&first);
    assert!(packed.iter().all(|name| bed.at(".git/objects/pack").join(name).exists()));
    assert_eq!(state(&bed), told);

    // the reflog still names what is gone for good
    fs::remove_dir_all(bed.at(".git/objects")).unwrap();
    bed.restore_all(&first);
    same(&comparable(&bed), &was);
    git(&bed, ".", &["rev-list", "--objects", "--all"]);

    fs::remove_dir_all(bed.at(".git")).unwrap();
    bed.write(".git", "gitdir: /somewhere/else\n");
    bed.restore_all(&first);
    same(&comparable(&bed), &was);
    assert_eq!(state(&bed), told);
}

#[test]
fn linked_worktrees_submodules_and_nested_repositories_come_back() {
    let bed = repository();
    let other = repository();
    git(&bed, ".", &["worktree", "add", "-q", "tree", "side"]);
    git(&bed, ".", &["submodule", "--quiet", "add", other.root.to_str().unwrap(), "vendor/sub"]);
    git(&bed, ".", &["init", "-q", "nested"]);
    bed.write("nested/file", "1");
    git(&bed, "nested", &["add", "."]);
    git(&bed, "nested", &["commit", "-qm", "nested"]);
    let heads = || ["tree", "vendor/sub", "nested"].map(|place| git(&bed, place, &["rev-parse", "HEAD"]));
    let (told, was, first, then) = (state(&bed), comparable(&bed), bed.snapshot(), heads());

    for place in ["tree", "vendor/sub", "nested"] {
        bed.write(&format!("{place}/more"), "2");
        git(&bed, place, &["add", "more"]);
        git(&bed, place, &["commit", "-qm", "more"]);
    }
    let later = heads();
    bed.restore_all(&first);
    same(&comparable(&bed), &was);
    assert_eq!((state(&bed), heads()), (told, then));
    for (place, lost) in ["tree", "vendor/sub", "nested"].iter().zip(later) {
        assert_eq!(git(&bed, place, &["rev-parse", "HEAD@{1}"]), lost, "{place}");
        git(&bed, place, &["fsck", "--full"]);
    }
}

#[test]
fn a_repository_that_appeared_since_goes() {
    let bed = Bed::new();
    bed.write("a", "1");
    let first = bed.snapshot();
    git(&bed, ".", &["init", "-q"]);
    bed.restore_all(&first);
    assert!(!bed.at(".git").exists());
}

#[test]
fn nothing_of_the_workspaces_configuration_runs_or_changes_bytes() {
    let bed = repository();
    let probe = bed.base.path().join("it-ran");
    let command = format!("touch {}", probe.display());
    for key in
        ["core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "core.sshCommand", "core.pager", "diff.external"]
    {
        git(&bed, ".", &["config", key, &command]);
    }
    git(&bed, ".", &["config", "core.hooksPath", "hooks"]);
    git(&bed, ".", &["config", "core.autocrlf", "true"]);
    bed.write("hooks/post-checkout", format!("#!/bin/sh\n{command}\n"));
    bed.mode("hooks/post-checkout", 0o755);
    bed.write(".gitattributes", "* text=auto filter=evil ident working-tree-encoding=UTF-16\n");
    bed.write("crlf", "a\r\nb\n$Id$\r\n");
    bed.write(".git/objects/info/alternates", "/etc\n");
    bed.write("sub/.git", "gitdir: ../../outside\n");
    let (was, first) = (look(&bed.root), bed.snapshot());
    fs::write(bed.at("crlf"), "x").unwrap();
    fs::remove_file(bed.at(".gitattributes")).unwrap();
    bed.restore_all(&first);
    same(&look(&bed.root), &was);
    assert!(!probe.exists());
}
