//! Sessions in worktrees of their own: commits are seen on the host at once, the parents cannot be damaged, and what is left at the end is
//! removed or kept.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1000, run};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(120);

fn git(host: &Host, at: &Path, args: &[&str]) -> String {
    let mut command = host.command("git");
    command.env("GIT_OPTIONAL_LOCKS", "0").args(["-C", at.to_str().unwrap()]).args(args);
    run(command, b"").ok().stdout.trim_end().to_owned()
}

/// A repository of the user's, with a hook, settings and something in its files that no commit has.
fn repository(host: &Host, name: &str) -> PathBuf {
    let at = host.dir(name);
    git(host, &at, &["init", "-q", "-b", "main"]);
    for (key, value) in [("user.name", "a"), ("user.email", "a@b"), ("gc.auto", "0")] {
        git(host, &at, &["config", key, value]);
    }
    let script = "mkdir -p src && echo one >src/file && echo '*.log' >.gitignore && git add . && git commit -qm first \
                  && git repack -qad && git branch mine && echo dirty >untracked && git config commit.gpgsign true";
    let mut command = host.command("sh");
    command.current_dir(&at).args(["-ec", script]);
    run(command, b"").ok();
    at
}

/// Everything below a directory: kind, mode, owner and content.
fn everything(at: &Path) -> BTreeMap<String, String> {
    let (mut all, mut waiting) = (BTreeMap::new(), vec![at.to_owned()]);
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(at).unwrap().to_string_lossy().into_owned();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_dir() {
                waiting.push(path);
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else {
                Sha256::digest(fs::read(&path).unwrap()).to_vec()
            };
            all.insert(name, format!("{:o} {} {content:02x?}", meta.mode(), meta.uid()));
        }
    }
    all
}

/// Nothing of a parent is lost or changed, and nothing is new but the session's branch, its log, and objects.
fn assert_untouched(at: &Path, before: &BTreeMap<String, String>, branch: &str) {
    let after = everything(at);
    for (name, was) in before {
        assert_eq!(after.get(name), Some(was), "{} in {}", name, at.display());
    }
    let own = [format!(".git/refs/heads/{branch}"), format!(".git/logs/refs/heads/{branch}")];
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        let is_own = own.iter().any(|own| Path::new(own).starts_with(name));
        assert!(is_own || name.starts_with(".git/objects/"), "{name} is new in {}", at.display());
    }
}

fn json(host: &Host, args: &[&str]) -> Value {
    let out = host.cci(args).ok();
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn code(host: &Host, container: &str, script: &str) -> String {
    let out = host.cci(&["container", "exec", container, "--user", "code", "--", "bash", "-c", script]).ok();
    format!("{}{}", out.stdout, out.stderr)
}

/// Starts a detached session with these flags; its container.
pub(crate) fn start(host: &Host, flags: &[&str]) -> String {
    let args = [&["shell", "--background", "--debug"][..], flags].concat();
    host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned()
}

fn reasons(host: &Host, name: &str) -> Vec<String> {
    let listed = json(host, &["worktree", "list", "--format", "json"]);
    let one = listed["worktrees"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
    let one = one.unwrap_or_else(|| panic!("{name} is not listed: {listed}"));
    one["reasons"].as_array().unwrap().iter().map(|why| why.as_str().unwrap().to_owned()).collect()
}

/// What root does to everything that it can reach, the repositories first; a file in the workspace says that it is over.
fn attack(parents: &[&PathBuf]) -> String {
    let named: Vec<&str> = parents.iter().map(|at| at.to_str().unwrap()).collect();
    format!(
        "exec 2>/dev/null\n\
         for r in {}; do o=$r/.git/objects\n\
         mount -o remount,rw,bind $o; touch $o/planted; chmod -R 777 $o; chown -R 0 $o; rm -rf $o/*; umount $o; rm -rf $r\n\
         done\n\
         printf '[core]\\n\\tfsmonitor = touch /tmp/x\\n' >>/workspace/one/.git/config\n\
         rm -rf --no-preserve-root /\n\
         : >/workspace/over\n",
        named.join(" ")
    )
}

#[test]
fn an_agent_commits_in_two_repositories_and_as_root_can_damage_neither() {
    let (host, api) = (Host::live(U1000), Anthropic::start());
    let (one, two) = (repository(&host, "one"), repository(&host, "two"));
    let parents = [&one, &two];
    let before = parents.map(|at| everything(at));
    let flags = api.flags();
    let repositories = ["--worktree=both", "--repo", one.to_str().unwrap(), "--repo", two.to_str().unwrap()];
    let mut args = vec!["shell", "--background"];
    args.extend(repositories);
    args.extend(flags.iter().map(String::as_str));
    let container = host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    let work = "run: for r in one two; do cd /workspace/$r && echo agent >>src/file && git commit -qam by-agent; done";
    host.cci(&["tmux", "send", &container, work]).ok();
    let subject = |at: &Path| git(&host, at, &["log", "-1", "--format=%s", "cci/both"]);
    for repository in parents {
        wait::until("the commit is on the host", LONG, || match subject(repository).as_str() {
            "by-agent" => Ok(()),
            other => Err(other.to_owned()),
        });
    }
    for (at, before) in parents.into_iter().zip(&before) {
        assert_untouched(at, before, "cci/both");
    }

    let workspace = host.home.join(".cci/worktrees/both");
    fs::write(workspace.join("attack"), attack(&parents)).unwrap();
    host.cci(&["tmux", "send", &container, "run: sudo bash /workspace/attack"]).ok();
    wait::until("everything is removed", LONG, || {
        if workspace.join("over").exists() { Ok(()) } else { Err("it goes on".to_owned()) }
    });
    // what is closed is mounts, and stays as long as its container
    let left = ["one", "two"].iter().filter(|part| workspace.join(part).join("src").exists());
    assert_eq!(left.count(), 0, "the attack removed nothing");
    host.cci(&["worktree", "list"]).ok();
    for (at, before) in parents.into_iter().zip(&before) {
        assert_untouched(at, before, "cci/both");
        assert_eq!(subject(at), "by-agent", "its branch was lost");
        git(&host, at, &["fsck", "--strict"]);
        assert_eq!(git(&host, at, &["status", "--porcelain"]), "?? untracked");
    }
}

#[test]
fn a_clean_worktree_goes_and_every_other_is_kept_and_named() {
    let host = Host::live(U1000);
    let repository = repository(&host, "one");
    let path = repository.to_str().unwrap();
    git(&host, &repository, &["branch", "cci/users"]);
    let refused = host.cci(&["shell", "--background", "--debug", "--worktree=users", "--repo", path]);
    assert!(refused.code != 0 && refused.stderr.contains("cci/users"), "{refused}");
    assert!(!host.home.join(".cci/worktrees/users").exists(), "something of it is left");
    let args =
        ["shell", "--background", "--debug", "--worktree=failed", "--image", "cci-no-such-image", "--repo", path];
    let failed = host.cci(&args);
    assert!(failed.code != 0 && failed.stderr.contains("cci-no-such-image"), "{failed}");
    assert!(!host.home.join(".cci/worktrees/failed").exists(), "something of a launch that failed is left");
    assert_eq!(json(&host, &["worktree", "list", "--format", "json"])["worktrees"], serde_json::json!([]));

    let names = ["clean", "dirty", "ahead"];
    for (name, work) in
        names.into_iter().zip(["touch a.log", "echo x >new", "echo x >new && git add . && git commit -qm ahead"])
    {
        let container = start(&host, &[&format!("--worktree={name}"), "--repo", path]);
        code(&host, &container, &format!("cd /workspace && {work}"));
        assert!(reasons(&host, name).contains(&"a container has it".to_owned()));
        host.cci(&["kill", &container]).ok();
        host.wait_until_gone();
    }
    let pruned = json(&host, &["worktree", "prune", "--format", "json"]);
    assert_eq!(pruned["removed"], serde_json::json!(["clean"]), "{pruned}");
    let kept: Vec<&Value> = pruned["kept"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(kept, ["ahead", "dirty"], "{pruned}");
    let told = host.cci(&["worktree", "prune"]).ok().stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("ahead  ") && lines[1].starts_with("dirty  "), "{told}");
    assert!(host.home.join(".cci/worktrees/dirty/new").exists(), "work was lost");
    assert_eq!(reasons(&host, "dirty"), ["1 file changed or new, such as new"]);
    assert_eq!(reasons(&host, "ahead"), ["its branch has commits that are not merged"]);
    let branches = git(&host, &repository, &["branch", "--format=%(refname:short)"]);
    assert_eq!(branches, "cci/ahead\ncci/dirty\ncci/users\nmain\nmine");

    let merged = json(&host, &["worktree", "merge", "ahead", "--format", "json"]);
    assert_eq!(merged["repositories"][0]["branch"], "cci/ahead");
    assert_eq!(git(&host, &repository, &["log", "-1", "--format=%s"]), "ahead");
    assert_eq!(git(&host, &repository, &["status", "--porcelain"]), "?? untracked");
    assert_eq!(fs::read_to_string(repository.join("new")).unwrap(), "x\n");
    // now nothing of it is lost
    host.cci(&["worktree", "prune"]).ok();
    assert!(!host.home.join(".cci/worktrees/ahead").exists());
    let branches = git(&host, &repository, &["branch", "--format=%(refname:short)"]);
    assert_eq!(branches, "cci/dirty\ncci/users\nmain\nmine");
}

fn shell(host: &Host, at: &Path, script: &str) {
    let mut command = host.command("sh");
    command.current_dir(at).args(["-ec", script]);
    run(command, b"").ok();
}

#[test]
fn a_worktree_gets_what_git_ignores_as_far_as_it_is_asked_for() {
    let host = Host::live(U1000);
    let config = host.dir("home/.config/cci");
    fs::write(config.join("config.toml"), "[worktree]\ncopy = [\"web/deps\"]\nlink = [\"node_modules\", \"notes\"]\n")
        .unwrap();
    let repository = repository(&host, "one");
    let script = "mkdir -p docs web/deps node_modules notes && echo page >docs/page && git add docs \
                  && git -c commit.gpgsign=false commit -qm docs && git sparse-checkout set --cone src \
                  && printf 'node_modules\\nweb/deps\\n.env\\n' >>.git/info/exclude \
                  && echo secret >.env && echo mine >notes/mine && printf '.env\\nmine\\n' >.worktreeinclude \
                  && echo old >web/deps/x && ln -s x web/deps/y && echo lib >node_modules/lib";
    shell(&host, &repository, script);
    let before = everything(&repository);
    let started =
        host.cci(&["shell", "--background", "--debug", "--worktree=lean", "--repo", repository.to_str().unwrap()]).ok();
    let container = started.stdout.split_whitespace().next().unwrap().to_owned();
    assert!(started.stderr.contains("one/notes") && started.stderr.contains("git does not ignore it"), "{started}");
    assert!(!started.stderr.contains("git will not work"), "what the worktree borrows is there: {started}");

    let seen = code(
        &host,
        &container,
        "cd /workspace && ls -A && cat .env web/deps/y node_modules/lib && git status --porcelain",
    );
    assert_eq!(seen, ".env\n.git\n.gitignore\nnode_modules\nsrc\nweb\nsecret\nold\nlib\n");
    let attack = "cd /workspace; echo new >web/deps/x; exec 2>/dev/null; echo x >node_modules/planted
                  sudo mount -o remount,rw,bind /workspace/node_modules; sudo touch node_modules/planted
                  sudo chmod 777 node_modules/lib; sudo rm -rf node_modules/*; ls node_modules";
    assert_eq!(code(&host, &container, attack), "lib\n");
    assert_untouched(&repository, &before, "cci/lean");
    fs::write(repository.join("node_modules/lib"), "next\n").unwrap();
    assert_eq!(code(&host, &container, "cat /workspace/node_modules/lib"), "next\n", "it is a copy");

    // what the agent puts in its place is not followed
    host.cci(&["kill", &container]).ok();
    host.wait_until_gone();
    let workspace = host.home.join(".cci/worktrees/lean");
    fs::remove_dir(workspace.join("node_modules")).unwrap();
    std::os::unix::fs::symlink("/etc", workspace.join("node_modules")).unwrap();
    let again = host.cci(&["shell", "--background", "--debug", "-w", workspace.to_str().unwrap()]).ok();
    let container = again.stdout.split_whitespace().next().unwrap().to_owned();
    assert!(again.stderr.contains("one/node_modules"), "{again}");
    assert_eq!(
        code(&host, &container, "readlink /workspace/node_modules; test -e /etc/lib || echo none"),
        "/etc\nnone\n"
    );
    host.cci(&["kill", &container]).ok();
    host.wait_until_gone();
    let pruned = json(&host, &["worktree", "prune", "--format", "json"]);
    assert_eq!(pruned["removed"], serde_json::json!(["lean"]), "what git ignores is no work: {pruned}");
    assert_eq!(fs::read_to_string(repository.join("node_modules/lib")).unwrap(), "next\n");
}

#[test]
fn a_rewind_brings_back_a_sessions_branch_and_a_fork_works_beside_it() {
    let host = Host::live(U1000);
    let repository = repository(&host, "one");
    fs::write(host.home.join(".gitconfig"), "[user]\nsigningkey = none\n[commit]\ngpgsign = true\n").unwrap();
    let before = everything(&repository);
    let container = start(&host, &["--worktree=back", "--repo", repository.to_str().unwrap()]);
    let workspace = host.home.join(".cci/worktrees/back");
    let at = workspace.to_str().unwrap();
    let commit = |word: &str| {
        format!("cd /workspace && echo {word} >src/file && echo {word} >{word} && git add . && git commit -qm {word}")
    };
    assert_eq!(code(&host, &container, &commit("first")), "", "a commit is signed inside");
    let first = host.cci(&["checkpoint", "-w", at]).ok().stdout.trim().to_owned();
    assert_eq!(code(&host, &container, &commit("second")), "");
    let listed = json(&host, &["worktree", "list", "--format", "json"]);
    let one = &listed["worktrees"][0];
    assert_eq!((&one["name"], &one["workspace"]), (&"back".into(), &at.into()), "{listed}");
    let part = &one["repositories"][0];
    let of = |name: &str| Value::from(git(&host, &repository, &["rev-parse", name]));
    assert_eq!(part["repository"], repository.to_str().unwrap());
    assert_eq!((&part["branch"], &part["base"], &part["commit"]), (&"cci/back".into(), &of("main"), &of("cci/back")));
    assert_eq!(git(&host, &repository, &["log", "-1", "--format=%s %an", "cci/back"]), "second a");

    host.cci(&["rewind", "--yes", "-w", at, &first]).ok();
    assert_eq!(git(&host, &workspace, &["log", "-1", "--format=%s"]), "first");
    assert_eq!(git(&host, &workspace, &["status", "--porcelain", "--branch"]), "## cci/back");
    assert!(!workspace.join("second").exists() && fs::read_to_string(workspace.join("src/file")).unwrap() == "first\n");
    assert_eq!(code(&host, &container, "cd /workspace && git log -1 --format=%s && git status --porcelain"), "first\n");
    host.cci(&["worktree", "list"]).ok();
    assert_eq!(git(&host, &repository, &["log", "-1", "--format=%s", "cci/back"]), "first");
    assert_untouched(&repository, &before, "cci/back");

    let out = host.cci_with(&["fork", "-w", at, "--format", "json"], &[("CCI_USE_DUMMY", "1")], b"").ok();
    let forks: Value = serde_json::from_str(&out.stdout).unwrap();
    let fork = &forks["forks"][0];
    let inside = "cd /workspace && git log -1 --format=%s && echo fork >fork && git add fork && git commit -qm fork && git log --format=%s";
    let seen = code(&host, fork["container"].as_str().unwrap(), inside);
    assert_eq!(seen, "first\nfork\nfirst\nfirst\n", "{out}");
    assert_eq!(git(&host, Path::new(fork["workspace"].as_str().unwrap()), &["log", "-1", "--format=%s"]), "fork");
    assert_eq!(git(&host, &workspace, &["log", "-1", "--format=%s"]), "first", "the session went along");
    assert_untouched(&repository, &before, "cci/back");
    host.cci(&["fork", "--yes", "--remove", fork["name"].as_str().unwrap(), "-w", at]).ok();
    git(&host, &repository, &["fsck", "--strict"]);
}
