//! The exit gate: what an agent left that would run on the host is named, accepted, put back or taken away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::host::{Host, Output, U1000, U1234, User, run};
use crate::support::screen::Screen;
use crate::support::tree;

const SOON: Duration = Duration::from_secs(60);

/// Something in each place that somebody on the host runs, with its group and its path.
const SINKS: &[(&str, &str, &str)] = &[
    ("git-hook", ".git/hooks/pre-commit", "echo evil >.git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit"),
    (
        "git-config",
        ".git/config",
        "git config -f .git/config core.fsmonitor ./evil; git config -f .git/config filter.x.clean ./evil",
    ),
    ("git-config", ".gitmodules", "git config -f .gitmodules submodule.x.update '!evil'"),
    ("git-attributes", ".gitattributes", "echo '* filter=x' >.gitattributes"),
    ("git-repository", "bare", "git init -q --bare bare"),
    ("git-repository", "vendor/.git", "mkdir vendor; echo 'gitdir: /evil' >vendor/.git"),
    ("link", "out", "ln -s ../../etc out"),
    ("set-id", "tool", "cp /bin/true tool; chmod 4755 tool"),
    ("shell", ".envrc", "echo evil >.envrc"),
    ("editor", ".vscode/tasks.json", "mkdir .vscode; echo '{\"runOn\": \"folderOpen\"}' >.vscode/tasks.json"),
    (
        "devcontainer",
        ".devcontainer/devcontainer.json",
        "mkdir .devcontainer; echo {} >.devcontainer/devcontainer.json",
    ),
    ("agent", ".claude/settings.json", "mkdir .claude; echo {} >.claude/settings.json"),
    ("agent", ".mcp.json", "echo {} >.mcp.json"),
    ("agent", ".codex/config.toml", "mkdir .codex; echo >.codex/config.toml"),
    ("agent", ".gemini/settings.json", "mkdir .gemini; echo {} >.gemini/settings.json"),
    ("agent", ".cursor/mcp.json", "mkdir .cursor; echo {} >.cursor/mcp.json"),
    ("agent", ".github/hooks/x.json", "mkdir -p .github/hooks; echo {} >.github/hooks/x.json"),
    ("package", "package.json", "echo '{\"scripts\": {\"postinstall\": \"evil\"}}' >package.json"),
    ("package", "setup.py", "echo evil >setup.py"),
    ("package", "pyproject.toml", "printf '[build-system]\\nrequires = []\\n' >pyproject.toml"),
    ("checks", ".pre-commit-config.yaml", "echo evil >.pre-commit-config.yaml"),
    ("workflow", ".github/workflows/ci.yml", "mkdir -p .github/workflows; echo evil >.github/workflows/ci.yml"),
    ("build", "Makefile", "echo evil >Makefile"),
    ("build", "justfile", "echo evil >justfile"),
];

/// A repository with a session in it that has a checkpoint.
struct Session {
    host: Host,
    name: String,
}

impl Session {
    fn begin(user: User) -> Self {
        let host = repository(user);
        let name = host.cci(&["shell", "--debug", "--background"]).ok().stdout;
        let name = name.split_whitespace().next().unwrap().to_owned();
        host.cci(&["checkpoint"]).ok();
        Self { host, name }
    }

    /// Runs a script as the agent's user, or as root.
    #[track_caller]
    fn inside(&self, user: &str, script: &str) {
        let script = format!("set -e; cd /workspace; {script}");
        self.host.cci(&["container", "exec", &self.name, "--user", user, "--", "bash", "-c", &script]).ok();
    }

    fn review(&self, args: &[&str]) -> Output {
        self.host.cci(&[&["review"][..], args].concat())
    }

    /// The findings as JSON, with the exit status that says whether there are any.
    #[track_caller]
    fn findings(&self, args: &[&str]) -> (i32, Vec<(String, String, String)>) {
        let out = self.review(&[args, &["--format", "json"]].concat());
        let shown: Value = serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"));
        let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let all = shown["findings"].as_array().unwrap().iter();
        (out.code, all.map(|one| (text(one, "group"), text(one, "path"), text(one, "id"))).collect())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.host.proj.join(path)
    }
}

fn repository(user: User) -> Host {
    let host = Host::live(user);
    let mut git = host.command("sh");
    git.arg("-c").arg("echo 'int main;' >main.c && git init -q -b main . && git config user.name a && git config user.email a@b && git add . && git commit -qm one");
    git.current_dir(&host.proj);
    run(git, b"").ok();
    host
}

fn plant_everything() -> String {
    SINKS.iter().map(|(_, _, script)| *script).collect::<Vec<_>>().join("\n")
}

fn names_each_sink(user: User, inside: &str) {
    let session = Session::begin(user);
    assert_eq!(session.findings(&[]), (0, Vec::new()), "nothing was done");
    assert_eq!((session.review(&[]).stdout, session.review(&[]).stderr), (String::new(), String::new()));
    session.inside("code", "echo work >>main.c; git add .; git commit -qm two; git branch side; echo x >README.md");
    assert_eq!(session.findings(&[]), (0, Vec::new()), "ordinary work");
    session.inside(inside, &plant_everything());
    let (code, found) = session.findings(&[]);
    assert_eq!(code, 1);
    for (group, path, script) in SINKS {
        assert!(found.iter().any(|(g, p, _)| (g.as_str(), p.as_str()) == (*group, *path)), "{script}: {found:?}");
    }
    let text = session.review(&[]);
    assert_eq!(text.code, 1, "{text}");
    for part in [
        "git hooks\n",
        "run by the shell on entering\n",
        "core.fsmonitor = ./evil",
        "postinstall: evil",
        ".git/hooks/pre-commit (new)",
    ] {
        assert!(text.stdout.contains(part), "{part}: {text}");
    }
    assert!(text.stderr.contains("cci review --accept"), "{text}");
}

#[test]
fn each_sink_is_named_that_the_agent_plants() {
    names_each_sink(U1000, "code");
}

#[test]
fn each_sink_is_named_that_root_plants() {
    names_each_sink(U1234, "root");
}

#[test]
fn what_is_accepted_is_quiet_until_it_changes() {
    let session = Session::begin(U1234);
    session.inside("code", &plant_everything());
    let all = session.findings(&[]).1.len();
    let out = session.review(&["--accept"]).ok();
    assert_eq!(out.stdout, format!("Accepted {all} findings\n"), "{out}");
    assert_eq!(session.findings(&[]), (0, Vec::new()));
    session.inside("code", "echo more >>.envrc; git config core.pager ./evil");
    let paths: Vec<String> = session.findings(&[]).1.into_iter().map(|(_, path, _)| path).collect();
    assert_eq!(paths, [".git/config", ".envrc"]);
    session.inside("code", "echo evil >.envrc");
    assert_eq!(session.findings(&[]).1.len(), 1, "what was accepted is accepted again");
}

#[test]
fn what_is_put_back_is_what_it_was_and_can_be_taken_back() {
    let session = Session::begin(U1000);
    let config = fs::read(session.at(".git/config")).unwrap();
    session.inside("code", "git config core.fsmonitor ./evil; echo evil >.envrc; echo work >work; echo evil >Makefile");
    let id = |path: &str| session.findings(&[]).1.into_iter().find(|one| one.1 == path).unwrap().2;
    let changed = fs::read(session.at(".git/config")).unwrap();
    let out = session.review(&["--revert", &id(".git/config"), "--revert", ".envrc"]);
    assert_eq!((out.code, out.stdout.contains("Put back .git/config")), (1, true), "the Makefile is left: {out}");
    assert_eq!(fs::read(session.at(".git/config")).unwrap(), config);
    assert!(!session.at(".envrc").exists() && session.at("work").exists() && session.at("Makefile").exists());
    let undo = out.stderr.split("cci rewind ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let unknown = session.review(&["--revert", "0000000"]);
    assert!(unknown.stderr.contains("finding 0000000 not found"), "{unknown}");
    session.host.cci(&["rewind", undo, "--only", "workspace", "--yes"]).ok();
    assert_eq!(fs::read(session.at(".git/config")).unwrap(), changed);
    assert_eq!(fs::read_to_string(session.at(".envrc")).unwrap(), "evil\n");
    let last = session.review(&["--revert", ".git/config", "--revert", ".envrc", "--accept"]).ok();
    assert!(last.stdout.contains("Accepted 1 finding\n"), "{last}");
}

#[test]
fn what_is_in_quarantine_is_outside_of_the_workspace_and_runs_nowhere() {
    let session = Session::begin(U1234);
    let before = fs::read(session.at(".git/config")).unwrap();
    session.inside("code", &plant_everything());
    let count = session.findings(&[]).1.len();
    let out = session.review(&["--quarantine"]).ok();
    assert_eq!(session.findings(&[]), (0, Vec::new()));
    assert_eq!(fs::read(session.at(".git/config")).unwrap(), before);
    for path in [".git/hooks/pre-commit", ".envrc", "tool", "vendor/.git", "bare/HEAD"] {
        assert!(!session.at(path).exists(), "{path}");
    }
    assert!(!session.at("out").is_symlink());
    let dir = out.stdout.split("Their files are in ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let dir = PathBuf::from(dir);
    assert!(dir.starts_with(session.host.home.join(".cci/quarantine")), "{out}");
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o7777, 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), count + 1, "each and the list: {files:?}");
    for file in files {
        let meta = fs::symlink_metadata(&file).unwrap();
        assert!(meta.is_file() && meta.permissions().mode() & 0o7777 == 0o600, "{}", file.display());
    }
}

#[test]
fn links_and_names_of_an_agents_steer_nothing() {
    let session = Session::begin(U1000);
    let outside = session.host.dir("outside");
    fs::write(outside.join(".envrc"), "host").unwrap();
    fs::write(outside.join("Makefile"), "host").unwrap();
    let before = tree::without_git(&outside);
    session.inside("code", "mkdir sub \"$(printf 'a\\033[2Jb\\nerror: c')\" && echo evil >sub/Makefile && echo evil >\"$(printf 'a\\033[2Jb\\nerror: c')/.envrc\"");
    session.inside(
        "code",
        &format!(
            "ln -s {} .envrc; git config core.pager \"$(printf '\\033]0;x\\007')\"",
            outside.join(".envrc").display()
        ),
    );
    let out = session.review(&[]);
    for raw in ["\x1b", "\x07"] {
        assert!(!out.stdout.contains(raw) && !out.stderr.contains(raw), "{:?}", out.stdout);
    }
    assert!(out.stdout.contains(r"a\u{1b}[2Jb\nerror: c/.envrc"), "{out}");
    assert!(!out.stdout.lines().any(|line| line.starts_with("error:")), "{out}");
    let json = session.review(&["--format", "json"]).stdout;
    assert!(!json.contains('\x1b'), "{json:?}");
    // a directory on the way becomes a link
    fs::rename(session.at("sub"), session.at("moved")).unwrap();
    symlink(&outside, session.at("sub")).unwrap();
    let out = session.review(&["--quarantine"]);
    assert_eq!(out.code, 0, "{out}");
    assert!(!session.at(".envrc").is_symlink() && !session.at("sub").is_symlink());
    assert_eq!(tree::without_git(&outside), before);
}

#[test]
fn a_command_in_a_container_is_reviewed_and_a_session_without_checkpoints_is_named() {
    let host = repository(U1234);
    host.cci(&["run", "--checkpoint", "--", "sh", "-c", "echo evil >.envrc"]).ok();
    let out = host.cci(&["review"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stdout.contains(".envrc (new)"), "{out}");
    let name = host.cci(&["shell", "--debug", "--background", "--slot", "3"]).ok().stdout;
    let name = name.split_whitespace().next().unwrap();
    for args in [&["review"][..], &["review", name], &["review", "--slot", "3"]] {
        let out = host.cci(args);
        assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
        assert!(out.stderr.contains("has no checkpoint to compare the workspace with"), "{out}");
        assert!(out.stderr.contains("cci checkpoint"), "{out}");
    }
}

#[test]
fn who_leaves_a_session_is_told_what_it_left_in_a_few_lines() {
    let host = repository(U1000);
    let screen = Screen::open(&host);
    screen.enter("cci shell --debug");
    screen.wait_for("/workspace", SOON);
    host.cci(&["checkpoint"]).ok();
    let name = host.only_container();
    screen.enter("for n in 1 2 3 4 5 6 7 8 9; do mkdir d$n; echo evil >d$n/.envrc; done; exit");
    // what runs in the place of the agent ends first, then the shell behind it
    screen.wait_for("logout", SOON);
    screen.enter("exit");
    let shown = screen.wait_for(&format!("cci review {name}"), SOON);
    assert!(shown.contains("the session left 9 things that would run on this host"), "{shown}");
    assert!(shown.contains("d7/.envrc") && !shown.contains("d8/.envrc") && shown.contains("and 2 more"), "{shown}");
    let ended = host.cci(&["--quiet", "kill", &name]).ok();
    assert!(!ended.stderr.contains("review"), "{ended}");
    // its container is gone, and what it left is not
    let out = host.cci(&["review", &name]);
    assert_eq!(out.code, 1, "{out}");
}

#[test]
fn the_end_of_a_session_is_quiet_where_it_left_nothing() {
    let session = Session::begin(U1234);
    session.inside("code", "echo work >>main.c; git commit -qam two");
    let out = session.host.cci(&["kill", &session.name]).ok();
    assert!(!out.stderr.contains("review"), "{out}");
    let session = Session::begin(U1234);
    session.inside("code", "echo evil >.envrc");
    let out = session.host.cci(&["kill", &session.name]).ok();
    assert!(out.stderr.contains("run by the shell on entering: .envrc (new)"), "{out}");
    assert!(out.stderr.lines().count() <= 10, "{out}");
}
