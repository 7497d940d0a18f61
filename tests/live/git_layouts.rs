//! Git in containers as on the host: every way in which a workspace can belong to a repository, with the same work in each, and
//! nothing that git runs on the host within the agent's reach.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::Duration;

use crate::support::host::{Host, Output, U1000, U1234, User, run};
use crate::support::wait;

/// Who the caller is to git, and repositories for every layout.
const IDENTITY: &str = "git config --global user.name Ann; git config --global user.email ann@example.org
git config --global init.defaultBranch main; git config --global protocol.file.allow always
repository() { git init -q $1; mkdir $1/src; echo one >$1/src/file; git -C $1 add .; git -C $1 commit -q -m one; }
trees() { git -C $1 worktree add -q $PWD/tree; git -C $1 worktree add -q $PWD/other; }
superproject() { repository lib; repository app; git -C app submodule --quiet add $PWD/lib deps/lib; git -C app commit -q -m submodule; }
";

/// What people do with git all day; `$FILE` is a file of the repository. Nothing of it says anything but the first line.
const WORK: &str = r#"exec 2>&1
git log -1 --format=%s; git status --porcelain; git worktree list >/dev/null
echo inside >>$FILE; git add -A .; git commit -qm inside
git branch side; git checkout -q side; git checkout -q -; git tag inside-tag
echo more >>$FILE; git stash -q; git stash pop -q; git checkout -q -- $FILE
at=$(git rev-parse HEAD)
git checkout -q side; echo side >side.txt; git add side.txt; git commit -qm side
git checkout -q --detach $at; echo two >two.txt; git add two.txt; git commit -qm two; git merge -q -m merged side
git checkout -q -b picked $at; echo three >three.txt; git add three.txt; git commit -qm three; git rebase -q side
git fetch -q . picked; git pack-refs --all; git worktree prune -v; git gc -q
git config a.b c; [ "$(git config a.b)" = c ]; git config --unset a.b; git remote add more https://x.example/a
git checkout -q -b tracks --track side; git checkout -q picked; git branch -q -D tracks side
git submodule --quiet update
"#;

/// A world of repositories, made on the host by its user.
fn world(user: User, make: &str) -> Host {
    let host = Host::live(user);
    on_host(&host, &format!("{IDENTITY}{make}"));
    host
}

/// What lines of a shell say on the host, in the project directory; they must succeed.
#[track_caller]
fn on_host(host: &Host, lines: &str) -> String {
    let mut shell = host.command("bash");
    shell.args(["-ec", lines]);
    run(shell, b"").ok().stdout.trim_end().to_owned()
}

/// Runs lines of a shell in a container of a workspace.
#[track_caller]
fn inside(host: &Host, workspace: &str, lines: &str) -> Output {
    let at = host.proj.join(workspace);
    host.cci(&["-w", at.to_str().unwrap(), "run", "--", "sh", "-ec", lines])
}

/// All of [`WORK`] in a workspace, and what the host sees of it; `file` is in the workspace.
#[track_caller]
fn works(host: &Host, workspace: &str, file: &str) {
    let git = format!("git -C {workspace}");
    let worktrees = on_host(host, &format!("{git} worktree list --porcelain | grep ^worktree"));
    let config =
        on_host(host, &format!("cat $({git} rev-parse --git-common-dir | sed '/^[^/]/s:^:{workspace}/:')/config"));
    on_host(host, &format!("echo host >>{workspace}/{file}; {git} commit -qam 'of the host'"));
    let out = inside(host, workspace, &format!("FILE={file}\n{WORK}")).ok();
    assert_eq!(out.stdout, "of the host\n", "git is quiet: {out}");

    let log = format!("{git} log -1 --format='%s %an <%ae>'");
    assert_eq!(on_host(host, &log), "three Ann <ann@example.org>");
    assert_eq!(on_host(host, &format!("{log} inside-tag")), "inside Ann <ann@example.org>");
    assert_eq!(on_host(host, &format!("{git} status --porcelain .; {git} branch --list side tracks")), "");
    assert_eq!(on_host(host, &format!("{git} fsck --no-progress --no-dangling 2>&1")), "");
    assert_eq!(on_host(host, &format!("{git} worktree prune -v --dry-run; {git} stash list")), "");
    assert_eq!(on_host(host, &format!("{git} worktree list --porcelain | grep ^worktree")), worktrees);
    // and another launch finds all as it was
    let seen = "git status --porcelain; git log -1 --format=%s";
    on_host(host, &format!("{git} commit -q --allow-empty -m again"));
    let out = inside(host, workspace, seen).ok();
    assert_eq!(out.stdout, "again\n", "{out}");
    assert!(!out.stderr.contains("git"), "the notice comes once: {out}");

    if Path::new(&on_host(host, &format!("realpath {workspace}/.git"))).is_dir() && !is_elsewhere(host, workspace) {
        closed_within(host, workspace);
    } else {
        closed(host, workspace);
    }
    let now =
        on_host(host, &format!("cat $({git} rev-parse --git-common-dir | sed '/^[^/]/s:^:{workspace}/:')/config"));
    assert_eq!(now, config, "settings made inside stay there");
}

/// The same for each of two users, one of whom has the ids of the agent.
#[track_caller]
fn in_each(make: &str, workspace: &str, file: &str) {
    for user in [U1000, U1234] {
        works(&world(user, make), workspace, file);
    }
}

/// Nothing that git would run on the host, and nothing by which it finds that, can be written in a container of a workspace.
#[track_caller]
fn closed(host: &Host, workspace: &str) {
    let common = on_host(host, &format!("cd {workspace}; realpath $(git rev-parse --git-common-dir)"));
    let tried = "common=$(dirname $(readlink -f $(git rev-parse --git-path objects)))
        for path in config hooks/pre-commit info/attributes commondir; do
          if (echo x >>$common/$path) 2>/dev/null; then echo $path is open; fi
          if mv $common/$path $common/moved 2>/dev/null; then echo $path can be moved; fi
        done; echo $common";
    let out = inside(host, workspace, tried).ok();
    let seen = out.stdout.trim_end();
    assert!(!seen.contains(' ') && seen.starts_with('/'), "{out}");
    assert!(!Path::new(&common).join("hooks/pre-commit").exists());
    assert!(["", "."].contains(&fs::read_to_string(Path::new(&common).join("commondir")).unwrap().trim_end()));
}

/// Whether a repository in a workspace has worktrees or objects elsewhere.
fn is_elsewhere(host: &Host, workspace: &str) -> bool {
    let git = host.proj.join(workspace).join(".git");
    ["worktrees", "objects/info/alternates"].iter().any(|path| git.join(path).exists())
}

/// What a program in the container makes of a repository that is the workspace's own, as the agent and as root.
const TAMPER: &str = "exec 2>/dev/null; cd /workspace
    for path in hooks/pre-commit info/attributes; do for as in '' sudo; do
      $as sh -c \"echo x >>.git/$path\" && echo $path is open
    done; done
    mv .git moved && echo it can be moved
    echo '[core] fsmonitor = x' >>.git/config; git config core.hooksPath x; git config --get core.hooksPath";

/// Nothing of that reaches the host; settings are the container's own.
#[track_caller]
fn closed_within(host: &Host, workspace: &str) {
    let seen = |out: &Output| assert_eq!(out.stdout, "x\n", "{out}");
    seen(&inside(host, workspace, TAMPER));
    untouched(host, workspace);
}

/// No hook, attribute or setting has come to the host.
#[track_caller]
fn untouched(host: &Host, workspace: &str) {
    let git = host.proj.join(workspace).join(".git");
    let hooks = fs::read_dir(git.join("hooks")).unwrap().map(|entry| entry.unwrap().file_name());
    let hooks: Vec<_> = hooks.filter(|name| !name.to_string_lossy().ends_with(".sample")).collect();
    assert!(hooks.is_empty(), "{hooks:?}");
    assert_eq!(fs::read_to_string(git.join("info/attributes")).unwrap(), "");
    let config = fs::read_to_string(git.join("config")).unwrap();
    assert!(!config.contains("fsmonitor") && !config.contains("hooksPath"), "{config}");
}

#[test]
fn in_a_plain_repository() {
    in_each("repository main", "main", "src/file");
}

#[test]
fn in_a_plain_repository_without_hooks_and_with_submodules_and_repositories_within_it() {
    in_each(
        "superproject; repository app/vendor; echo vendor >app/.git/info/exclude; rm -rf app/.git/hooks app/.git/info/attributes",
        "app",
        ".gitmodules",
    );
}

#[test]
fn a_plain_repository_stays_closed_after_a_reboot_and_whatever_an_agent_has_made_of_it() {
    let host = world(U1234, "repository ws; repository ws/vendor/tool; echo vendor >ws/.git/info/exclude");
    let at = host.proj.join("ws");
    let at = at.to_str().unwrap();
    let started = host.cci(&["-w", at, "shell", "--background", "--debug", "--persistent"]).ok();
    let name = started.stdout.split_whitespace().next().unwrap().to_owned();
    let exec = |lines: &str| host.cci(&["container", "exec", "--user", "code", &name, "--", "sh", "-c", lines]);
    let tampered = |when: &str| {
        let out = exec(TAMPER);
        assert_eq!(out.stdout, "x\n", "{when}: {out}");
        let out = exec("cd vendor/tool; git config core.fsmonitor x; echo x >.git/hooks/post-checkout || echo closed");
        assert_eq!(out.stdout, "closed\n", "{when}: {out}");
        untouched(&host, "ws");
        untouched_config(&host, "ws/vendor/tool");
    };
    tampered("at first");
    // the mounts of a container end with it: its root can leave what it likes, and starts all the same
    let leave = "cd /workspace; sudo umount .git/hooks .git/config; rm -rf vendor/tool/.git/hooks; ln -s /etc vendor/tool/.git/hooks
        sudo touch /run/before; sudo systemctl reboot --force";
    exec(leave);
    wait::until("it has rebooted", Duration::from_secs(60), || {
        let out = exec("[ -e /run/before ] || echo up");
        if out.stdout == "up\n" { Ok(()) } else { Err(out.to_string()) }
    });
    let out = exec(TAMPER);
    assert_eq!(out.stdout, "x\n", "after a reboot: {out}");
    untouched(&host, "ws");
}

/// No setting that runs something has come to the host.
#[track_caller]
fn untouched_config(host: &Host, workspace: &str) {
    let config = fs::read_to_string(host.proj.join(workspace).join(".git/config")).unwrap();
    assert!(!config.contains("fsmonitor"), "{config}");
}

#[test]
fn in_a_plain_repository_with_worktrees_elsewhere() {
    in_each("repository main; trees main", "main", "src/file");
}

#[test]
fn in_a_linked_worktree() {
    in_each("repository main; trees main", "tree", "src/file");
}

#[test]
fn in_a_linked_worktree_that_names_its_repository_by_a_relative_path() {
    let relative = "echo gitdir: ../main/.git/worktrees/tree >tree/.git";
    in_each(&format!("repository main; trees main; {relative}"), "tree", "src/file");
}

/// What git from 2.48 on writes where `worktree.useRelativePaths` is set, and older ones refuse.
#[test]
fn in_a_linked_worktree_with_the_relative_paths_of_a_newer_git() {
    let relative = "git -C main config core.repositoryformatversion 1; git -C main config extensions.relativeWorktrees true
        echo gitdir: ../main/.git/worktrees/tree >tree/.git; echo ../../../../tree/.git >main/.git/worktrees/tree/gitdir
        echo gitdir: ../main/.git/worktrees/other >other/.git; echo ../../../../other/.git >main/.git/worktrees/other/gitdir";
    for user in [U1000, U1234] {
        let host = world(user, &format!("repository main; trees main; {relative}"));
        let out = inside(&host, "tree", &format!("FILE=src/file\n{WORK}")).ok();
        assert_eq!(out.stdout, "one\n", "git is quiet: {out}");
        // the host's git may be one of those that refuse it
        on_host(&host, "git config -f main/.git/config --unset extensions.relativeWorktrees");
        assert_eq!(on_host(&host, "git -C main log -1 --format=%s picked"), "three");
        assert_eq!(on_host(&host, "git -C main fsck --no-progress --no-dangling 2>&1"), "");
        assert_eq!(on_host(&host, "cd main/.git/worktrees; ls -d tree other"), "other\ntree");
    }
}

#[test]
fn in_a_worktree_of_a_bare_repository() {
    in_each("repository seed; git clone -q --bare seed proj.git; trees proj.git", "tree", "src/file");
}

#[test]
fn with_a_separate_git_directory() {
    in_each("repository ws; git -C ws init -q --separate-git-dir $PWD/store", "ws", "src/file");
}

#[test]
fn in_a_submodule() {
    in_each("superproject", "app/deps/lib", "src/file");
}

#[test]
fn in_a_submodule_of_a_linked_worktree() {
    let make = "superproject; git -C app worktree add -q $PWD/tree; git -C tree submodule --quiet update --init";
    in_each(make, "tree/deps/lib", "src/file");
}

#[test]
fn in_a_superproject_that_is_a_linked_worktree() {
    let make = "superproject; git -C app worktree add -q $PWD/tree; git -C tree submodule --quiet update --init";
    in_each(make, "tree", "src/file");
}

#[test]
fn in_a_directory_of_a_repository() {
    in_each("repository main; trees main", "main/src", "file");
}

#[test]
fn with_objects_of_another_repository() {
    in_each("repository lender; git clone -q --shared lender ws", "ws", "src/file");
}

#[test]
fn submodules_are_updated_and_their_settings_changed_in_a_superproject() {
    let host = world(U1000, "superproject");
    let first = on_host(&host, "git -C app/deps/lib rev-parse HEAD");
    on_host(&host, "git -C app/deps/lib commit -q --allow-empty -m two");
    let update =
        "git submodule --quiet update; git -C deps/lib config a.b c; git submodule --quiet foreach 'git status -s'";
    let out = inside(&host, "app", &format!("exec 2>&1; {update}")).ok();
    assert_eq!(out.stdout, "", "{out}");
    assert_eq!(on_host(&host, "git -C app/deps/lib rev-parse HEAD"), first);
    assert_eq!(on_host(&host, "git -C app status --porcelain; git -C app submodule --quiet update"), "");
    closed(&host, "app/deps/lib");
}

#[test]
fn the_agent_works_where_git_does_and_the_containers_root_may_use_git_too() {
    let host = world(U1234, "repository main; git -C main worktree add -q $PWD/tree");
    let tree = host.proj.join("tree");
    let at = tree.to_str().unwrap();
    let first = host.cci(&["-w", at, "shell", "--background", "--debug"]).ok();
    let main = host.proj.join("main/.git").display().to_string();
    let said = format!("The workspace's git is elsewhere: the container also sees {main}\n");
    assert!(first.stderr.contains(&said), "{first}");
    let name = host.only_container();
    let shell =
        format!("pwd; git status --porcelain; git commit -q --allow-empty -m x; git log -1 --format='%an {at}'");
    for user in [&["--user", "code"][..], &[]] {
        let args = [&["container", "exec"][..], user, &[&name, "--", "sh", "-ec", &shell]].concat();
        let out = host.cci(&args).ok();
        assert_eq!(out.stdout, format!("{at}\nAnn {at}\n"), "{user:?}: {out}");
    }
    let kept = "cd ~/.claude/projects; readlink -- *-tree; cat ~/.claude.json ../.claude.json 2>/dev/null | grep -c 'proj/tree\"'";
    let kept = host.cci(&["container", "exec", "--user", "code", &name, "--", "sh", "-c", kept]).ok();
    assert_eq!(kept.stdout, "-workspace\n1\n", "its conversations are those of the workspace: {kept}");
    let pane = host.cci(&["container", "exec", "--user", "code", &name, "--", "sh", "-c", PANE]).ok();
    assert_eq!(pane.stdout.trim_end(), at, "{pane}");
    let out = host.cci(&["container", "exec", &name, "--", "ls", "/workspace/src"]).ok();
    assert_eq!(out.stdout, "file\n", "it is where it always is, too");
}

/// Where the session's shell is.
const PANE: &str = "tmux -S ~/.cci-tmux display-message -p '#{pane_current_path}'";

#[test]
fn what_is_configured_of_git_is_so() {
    let host = world(U1000, "repository main; trees main");
    let config = host.dir("home/.config/cci").join("config.toml");
    let shell =
        "git config --get user.name || true; echo x >$(git rev-parse --git-common-dir)/hooks/pre-push && echo open";
    let out = inside(&host, "tree", shell);
    assert!(out.code != 0 && out.stdout == "Ann\n", "{out}");
    fs::write(&config, "[git]\nprotect = false\nidentity = false\n").unwrap();
    let out = inside(&host, "tree", shell).ok();
    assert_eq!(out.stdout, "open\n", "{out}");
    assert!(host.proj.join("main/.git/hooks/pre-push").exists());
}

#[test]
fn what_an_agent_makes_of_git_leads_no_later_launch_elsewhere() {
    let host = world(U1234, "repository private; repository ws; mkdir bare");
    let private = host.proj.join("private/.git").display().to_string();
    // a directory that had no repository
    inside(&host, "bare", "true").ok();
    inside(&host, "bare", &format!("echo gitdir: {private} >.git")).ok();
    let out = inside(&host, "bare", "true");
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains("the workspace's git is new: a separate git directory"), "{out}");
    let hint = format!("if it was you, remove {}/.cci/git/", host.home.display());
    assert!(out.stderr.contains(&hint), "{out}");
    // one that had its own
    inside(&host, "ws", "true").ok();
    let git = host.proj.join("ws/.git");
    fs::rename(&git, host.proj.join("ws/away")).unwrap();
    for lead in ["link", "file"] {
        if lead == "link" {
            symlink(&private, &git).unwrap();
        } else {
            fs::remove_file(&git).unwrap();
            fs::write(&git, format!("gitdir: {private}\n")).unwrap();
        }
        let out = inside(&host, "ws", "true");
        assert_eq!(out.code, 2, "{lead}: {out}");
        let was = "was a repository of its own and is now a separate git directory";
        assert!(out.stderr.contains(was) && out.stderr.contains(&private), "{lead}: {out}");
    }
    // what the hint says is the way out, and what was there is accepted without one
    fs::remove_file(&git).unwrap();
    fs::rename(host.proj.join("ws/away"), &git).unwrap();
    inside(&host, "ws", "git status --porcelain").ok();
    for note in fs::read_dir(host.home.join(".cci/git")).unwrap() {
        let note = note.unwrap().path();
        if note.extension().is_some_and(|end| end == "json") {
            fs::remove_file(note).unwrap();
        }
    }
    inside(&host, "bare", "true").ok();
}

#[test]
fn a_repository_that_is_a_trap_is_named_with_the_way_out() {
    let host = world(
        U1000,
        "repository private; mkdir ws tree; repository main; git -C main worktree add -q $PWD/gone; rm -rf main",
    );
    let private = host.proj.join("private/.git").display().to_string();
    let trap = format!(
        "mkdir -p w/x; echo {private} >w/x/commondir; echo $PWD/ws/.git >w/x/gitdir; echo ref: x >w/x/HEAD; echo gitdir: $PWD/w/x >ws/.git"
    );
    on_host(&host, &trap);
    for (workspace, said) in [("ws", "does not name it back"), ("gone", "is not a git repository")] {
        let out = inside(&host, workspace, "true");
        assert_eq!(out.code, 2, "{out}");
        assert!(out.stderr.contains(said) && out.stderr.contains("hint: "), "{workspace}: {out}");
    }
    assert_eq!(host.containers(), [""; 0]);
}

#[test]
fn what_an_agent_sets_in_nested_repositories_runs_nothing_on_the_host() {
    let host = world(
        U1234,
        "repository ws; git -C ws worktree add -q $PWD/tree; repository ws/vendor/tool; mkdir -p ws/fixture; git clone -q --bare ws/vendor/tool ws/fixture/x.git; rm -rf ws/fixture/x.git/hooks",
    );
    on_host(&host, "cd ws; git add fixture; git commit -qm fixture");
    let plant = "for at in . vendor/tool; do git -C $at config core.fsmonitor 'touch /tmp/ran; false'; git -C $at config core.hooksPath $PWD/evil
        (echo x >$at/.git/hooks/post-checkout) 2>/dev/null && echo open; (echo x >>$at/.git/config) 2>/dev/null && echo open; done; mv vendor/tool/.git x 2>/dev/null && echo moved; true";
    let out = inside(&host, "ws", plant).ok();
    assert_eq!(out.stdout, "", "{out}");
    let of_host = "for at in ws ws/vendor/tool; do git -C $at config --get-regexp 'core.(fsmonitor|hookspath)' || true; ls $at/.git/hooks | grep -v sample || true; done";
    assert_eq!(on_host(&host, of_host), "");
    assert_eq!(on_host(&host, "git -C ws status --porcelain fixture"), "", "nothing is added to what is content");
    let owner = fs::metadata(host.proj.join("ws/.git/commondir")).unwrap().uid();
    assert_eq!(owner, 1234);
}
