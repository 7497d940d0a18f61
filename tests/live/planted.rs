//! A program that an agent plants for the host: what is closed never runs there, and `review` names the rest.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::host::{Host, Output, U1000, U1234, User, run};
use crate::worktrees::start;

/// A repository with a submodule and another repository within it.
const WORLD: &str = "git config --global user.name Ann; git config --global user.email ann@example.org
git config --global init.defaultBranch main; git config --global protocol.file.allow always
one() { git init -q $1; echo one >$1/file; git -C $1 add .; git -C $1 commit -q -m one; }
one ~/lib; one .; git submodule --quiet add ~/lib deps/lib; one vendor/tool; echo vendor >.git/info/exclude; git commit -q -m submodule";

/// How what is closed is tried: each program that git would run says by which way it came.
const PLANT: &str = r#"
evil() { printf '#!/bin/sh\necho %s >>%s\n' $2 "$fired" >$1 && chmod 755 $1; }
keys() {
    for key in core.fsmonitor core.sshCommand core.pager core.editor sequence.editor diff.external credential.helper \
        gpg.program uploadpack.packObjectsHook core.gitProxy core.askPass interactive.diffFilter; do
        $as git -C $1 config $key "sh -c 'echo $key >>$fired; false'"
    done
    for key in clean smudge process; do $as git -C $1 config filter.x.$key "sh -c 'echo filter.$key >>$fired; cat'"; done
    $as git -C $1 config diff.x.textconv "sh -c 'echo textconv >>$fired; true'"
    $as git -C $1 config merge.x.driver "sh -c 'echo driver >>$fired; true'"
    $as git -C $1 config alias.st "!echo alias >>$fired"
    $as git -C $1 config include.path /workspace/evil.config
    $as git -C $1 config commit.gpgSign true
    $as git -C $1 config core.hooksPath $host/evil
    $as git -C $1 config url.ext::evil.insteadOf /
    $as git -C $1 config remote.origin.uploadpack "sh -c 'echo uploadpack >>$fired'"
}
hooks() {
    for hook in pre-commit commit-msg post-commit post-checkout post-merge pre-rebase post-rewrite reference-transaction \
        post-index-change pre-push pre-auto-gc fsmonitor-watchman prepare-commit-msg pre-merge-commit; do
        $as sh -c "printf '#!/bin/sh\necho hook >>$fired\n' >$1/$hook && chmod 755 $1/$hook"
    done
    echo '* filter=x diff=x merge=x' | $as tee $1/../info/attributes
}
"#;

/// In everything of [`WORLD`].
const IN_A_REPOSITORY: &str = "
for as in '' sudo; do
    for at in . vendor/tool deps/lib; do keys $at; done
    for at in .git vendor/tool/.git .git/modules/deps/lib; do hooks $at/hooks; done
done
";

/// In the worktrees of a session, which have a change each.
const IN_WORKTREES: &str = "
for at in . */; do
    [ -e $at/.git ] || continue
    echo new >$at/new
    for as in '' sudo; do keys $at; hooks $at/.git/hooks; done
done
";

/// What is not: where it is, by the name that `review` gives it.
const NAMED: &[(&str, &str)] = &[
    (".envrc", "evil .envrc envrc"),
    (".gitattributes", "echo '* filter=x diff=x merge=x' >.gitattributes"),
    (".gitmodules", "git config -f .gitmodules submodule.deps/lib.update '!evil'"),
    (".git/config.worktree", "git config -f .git/config.worktree core.fsmonitor evil"),
    (".git/objects/info/alternates", "echo /evil >.git/objects/info/alternates"),
    ("fresh/.git/config", "git init -q fresh; git -C fresh config core.fsmonitor evil"),
    ("fresh/.git/hooks/post-checkout", "evil fresh/.git/hooks/post-checkout fresh"),
    ("bare", "git init -q --bare bare"),
    ("gone/.git", "mkdir gone; echo gitdir: /evil >gone/.git"),
    (".vscode/tasks.json", "mkdir .vscode; echo '{\"runOn\": \"folderOpen\"}' >.vscode/tasks.json"),
    (".devcontainer/devcontainer.json", "mkdir .devcontainer; echo {} >.devcontainer/devcontainer.json"),
    ("package.json", "echo '{\"scripts\": {\"postinstall\": \"evil\"}}' >package.json"),
    (".pre-commit-config.yaml", "echo evil >.pre-commit-config.yaml"),
    (".claude/settings.json", "mkdir .claude; echo {} >.claude/settings.json"),
    (".mcp.json", "echo {} >.mcp.json"),
    (".codex/hooks.json", "mkdir .codex; echo {} >.codex/hooks.json"),
    (".github/workflows/ci.yml", "mkdir -p .github/workflows; echo evil >.github/workflows/ci.yml"),
    ("Makefile", "echo evil >Makefile"),
    ("out", "ln -s /home out"),
    ("tool", "cp /bin/true tool; chmod 4755 tool"),
];

/// What the person does afterwards, in this directory.
const AFTERWARDS: &str = r#"
git status; git diff; git log -p -1; git stash list; git checkout -b later; git commit --allow-empty -m later
echo two >>file; git add file; git commit -m two; git merge main; git rebase main; git fetch . main; git gc; git grep one
git submodule update; git submodule status; git -C deps/lib status; git -C vendor/tool status; git -C vendor/tool commit --allow-empty -m x
git stash; git branch -d main; git st; git fetch origin; git pull
if command -v direnv >/dev/null; then bash -c 'eval "$(direnv hook bash)"; _direnv_hook'; else echo no direnv; exit 9; fi
"#;

struct World {
    host: Host,
    fired: String,
}

impl World {
    fn new(user: User) -> Self {
        let host = Host::live(user);
        let world = Self { fired: host.home.join("fired").display().to_string(), host };
        world.on_host(&format!("set -e; {WORLD}")).ok();
        world
    }

    fn on_host(&self, lines: &str) -> Output {
        let mut shell = self.host.command("bash");
        shell.args(["-c", lines]).current_dir(&self.host.proj).env("GIT_EDITOR", "true");
        run(shell, b"")
    }

    /// What ran on the host.
    fn fired(&self) -> String {
        fs::read_to_string(Path::new(&self.fired)).unwrap_or_default()
    }

    fn inside(&self, name: &str, lines: &str) -> Output {
        let lines = format!("cd /workspace; fired={}; host={}; {PLANT}\n{lines}", self.fired, self.host.proj.display());
        self.host.cci(&["container", "exec", name, "--user", "code", "--", "bash", "-c", &lines])
    }
}

fn runs_nothing(user: User) {
    let world = World::new(user);
    let host = &world.host;
    let started = host.cci(&["shell", "--background", "--debug"]).ok();
    let name = started.stdout.split_whitespace().next().unwrap().to_owned();
    host.cci(&["checkpoint"]).ok();
    world.inside(&name, IN_A_REPOSITORY);
    // there it runs: the container's own git believes all of it
    let inside = world.inside(&name, "mkdir -p $(dirname $fired); git status; cat $fired");
    assert!(inside.stdout.contains("core.fsmonitor"), "{inside}");
    for (path, script) in NAMED {
        let out = world.inside(&name, &format!("set -e; {script}"));
        assert_eq!(out.code, 0, "{path}: {out}");
    }
    let review = |args: &[&str]| {
        let out = host.cci(&[&["review", "--format", "json"], args].concat());
        let shown: Value = serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"));
        let paths = shown["findings"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap().to_owned());
        paths.collect::<Vec<_>>()
    };
    let named = review(&[]);
    for (path, _) in NAMED {
        assert!(named.iter().any(|one| one == path), "{path}: {named:?}");
    }
    for closed in [".git/config", ".git/hooks/pre-commit", ".git/info/attributes", ".git/modules/deps/lib/config"] {
        assert!(!named.iter().any(|one| one == closed), "{closed}: {named:?}");
    }
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    for verb in
        [&["list"][..], &["log"], &["review"], &["run", "--", "git", "status"], &["info"], &["worktree", "list"]]
    {
        host.cci(verb);
    }
    let after = world.on_host(AFTERWARDS);
    assert_ne!(after.code, 9, "the tests need direnv");
    assert_eq!(world.fired(), "", "{after}");
    assert!(after.stdout.contains("two"), "git worked: {after}");
}

#[test]
fn what_is_closed_never_runs_on_the_host_and_the_rest_is_named_by_one_user() {
    runs_nothing(U1000);
}

#[test]
fn what_is_closed_never_runs_on_the_host_and_the_rest_is_named_by_another() {
    runs_nothing(U1234);
}

#[test]
fn without_protection_the_same_runs_on_the_host_and_is_named() {
    let world = World::new(U1234);
    let config = world.host.dir("home/.config/cci").join("config.toml");
    fs::write(config, "[git]\nprotect = false\n").unwrap();
    let started = world.host.cci(&["shell", "--background", "--debug"]).ok();
    let name = started.stdout.split_whitespace().next().unwrap().to_owned();
    world.host.cci(&["checkpoint"]).ok();
    world.inside(&name, IN_A_REPOSITORY);
    let out = world.host.cci(&["review"]);
    for path in [".git/config", ".git/hooks/pre-commit", ".git/info/attributes", ".git/modules/deps/lib/config"] {
        assert!(out.stdout.contains(path), "{path}: {out}");
    }
    world.on_host("git status");
    assert!(world.fired().contains("core.fsmonitor"), "{}", world.fired());
}

#[test]
fn what_is_planted_in_a_sessions_worktrees_runs_where_it_is_not_closed_and_nowhere_else() {
    const AFTERWARDS: &str = "
        for at in . */; do
            [ -e $at/.git ] || continue
            (cd $at; git status; git diff; git checkout -b later; git add new; git commit -m two; git log -p -1
            git merge later; git stash; git st; git gc)
        done";
    let world = World::new(U1234);
    let host = &world.host;
    let repositories = [host.proj.clone(), host.proj.join("vendor/tool")];
    let config = host.dir("home/.config/cci").join("config.toml");
    for (worktree, protect, few) in [("open", false, 1), ("closed", true, 1), ("both", true, 2)] {
        fs::write(&config, format!("[git]\nprotect = {protect}\n")).unwrap();
        let named = format!("--worktree={worktree}");
        let repositories = repositories[..few].iter().flat_map(|at| ["--repo", at.to_str().unwrap()]);
        let flags: Vec<&str> = [named.as_str()].into_iter().chain(repositories).collect();
        let name = start(host, &flags);
        world.inside(&name, IN_WORKTREES);
        let believed = "sudo mkdir -p $(dirname $fired); sudo chmod 777 $(dirname $fired); for at in . */; do git -C $at status; done; cat $fired";
        let inside = world.inside(&name, believed);
        assert!(inside.stdout.contains("core.fsmonitor"), "{worktree}: {inside}");
        host.cci(&["kill", &name]).ok();
        host.wait_until_gone();
        let after = world.on_host(&format!("cd ~/.cci/worktrees/{worktree}; {AFTERWARDS}"));
        assert_eq!(world.fired().contains("core.fsmonitor"), !protect, "{worktree}: {}", world.fired());
        assert!(!protect || world.fired().is_empty(), "{worktree}: {}", world.fired());
        assert!(!protect || after.stdout.matches("] two\n").count() == few, "git worked: {after}");
        fs::remove_file(&world.fired).ok();
    }
}

#[test]
fn what_leads_git_elsewhere_is_named_and_put_back() {
    let world = World::new(U1000);
    let host = &world.host;
    let started = host.cci(&["shell", "--background", "--debug"]).ok();
    let name = started.stdout.split_whitespace().next().unwrap().to_owned();
    host.cci(&["checkpoint"]).ok();
    let lead = "set -e; cp -r .git/ .evil; git config -f .evil/config core.fsmonitor \"echo x >>$fired; false\"; echo ../.evil >.git/commondir";
    world.inside(&name, lead).ok();
    let out = host.cci(&["review"]);
    assert!(out.code == 1 && out.stdout.contains(".git/commondir"), "{out}");
    let out = host.cci(&["review", "--revert", ".git/commondir"]);
    assert!(out.stdout.contains("Put back .git/commondir"), "{out}");
    world.on_host("git status").ok();
    assert_eq!(world.fired(), "");
}
