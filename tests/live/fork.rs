//! Forks of a checkpoint: made at once, compared, adopted, and brought back, with the real Claude Code; git in them; and
//! what a kill leaves of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::anthropic::Anthropic;
use crate::support::figures::{self, Random};
use crate::support::host::{Host, U1000, U1234, incus, run};
use crate::support::{tree, wait};

const LONG: Duration = Duration::from_secs(90);

/// A fork as `cci fork` shows it.
struct Fork {
    name: String,
    workspace: PathBuf,
    branch: String,
    container: String,
}

impl Fork {
    fn of(shown: &Value) -> Self {
        let text = |key: &str| shown[key].as_str().unwrap().to_owned();
        Self {
            name: text("name"),
            workspace: text("workspace").into(),
            branch: text("branch"),
            container: text("container"),
        }
    }
}

#[track_caller]
fn json(host: &Host, args: &[&str]) -> Value {
    let out = host.cci(args).ok();
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[track_caller]
fn forks(host: &Host, args: &[&str]) -> Vec<Fork> {
    let mut words = vec!["fork", "--format", "json"];
    words.extend(args);
    json(host, &words)["forks"].as_array().unwrap().iter().map(Fork::of).collect()
}

/// The host's own git, which takes no lock.
fn git(host: &Host, at: &Path, args: &[&str]) -> String {
    let mut command = host.command("git");
    command.env("GIT_OPTIONAL_LOCKS", "0").args(["-C", at.to_str().unwrap()]).args(args);
    run(command, b"").stdout.trim_end().to_owned()
}

fn inside(host: &Host, name: &str, command: &str) -> String {
    let out = host.cci(&["container", "exec", name, "--user", "code", "--", "bash", "-c", command]);
    format!("{}{}", out.stdout, out.stderr).trim_end().to_owned()
}

/// What `host` sees of a workspace's git.
fn state(host: &Host, at: &Path) -> String {
    let questions: [&[&str]; 5] = [
        &["status", "--porcelain", "--ignored"],
        &["log", "--format=%H %s"],
        &["stash", "list"],
        &["diff", "--cached"],
        &["symbolic-ref", "HEAD"],
    ];
    questions.map(|question| git(host, at, question)).join("\n")
}

const FIRST: &str = "git init -q -b main . && git config user.name a && git config user.email a@b \
    && echo 'grep -q good answer' >check && chmod 755 check && echo none >answer && printf ignored/ >.gitignore \
    && mkdir ignored empty && echo i >ignored/i && git add check answer work .gitignore && git commit -qm first \
    && echo s >staged && git add staged && echo '# m' >>check && echo u >untracked && ln -s /etc/passwd link";

/// What the agent of each fork is told to run: each answers differently, and leaves a mark in its container.
const WORK: &str =
    "echo $1 >answer && echo $1 >of-$1 && git add answer && git commit -qm $1 && sudo touch /etc/of-$1 && touch done";

fn work(word: &str) -> String {
    format!("run: bash work {word}")
}

#[test]
fn three_forks_at_once_are_compared_and_one_is_adopted_and_taken_back() {
    let (host, api) = (Host::live(U1000), Anthropic::start());
    repository(&host);
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let origin = host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    host.cci(&["tmux", "send", &origin, "run: touch done; true first-turn"]).ok();
    wait::until("the first turn ends", LONG, || until_done(&host, &origin, &host.proj));
    std::fs::remove_file(host.proj.join("done")).unwrap();
    let then = (tree::without_git(&host.proj), state(&host, &host.proj));

    let words = ["good", "bad", "worse"];
    let prompts = words.map(work);
    let made = forks(&host, &["--prompt", &prompts[0], "--prompt", &prompts[1], "--prompt", &prompts[2]]);
    assert_eq!(made.len(), 3);
    for (fork, word) in made.iter().zip(words) {
        wait::until(&format!("{word} is done"), LONG, || until_done(&host, &fork.container, &fork.workspace));
        let others = words.iter().filter(|other| **other != word);
        assert!(
            others.clone().all(|other| !fork.workspace.join(format!("of-{other}")).exists()),
            "it sees another's file"
        );
        assert!(
            others.clone().all(|other| !api.saw_together(&[&work(word), &work(other)])),
            "it heard another's prompt"
        );
        assert!(api.saw_together(&["first-turn", &work(word)]), "it forgot what was said before");
        assert_eq!(git(&host, &fork.workspace, &["branch", "--show-current"]), fork.branch);
    }
    assert_eq!((tree::without_git(&host.proj), state(&host, &host.proj)), then, "the origin stays as it is");

    let compared = json(&host, &["compare", "--run", "./check", "--format", "json"]);
    let of = |fork: &Fork| compared["forks"].as_array().unwrap().iter().find(|one| one["name"] == *fork.name).unwrap();
    for (fork, status) in made.iter().zip([0, 1, 1]) {
        let one = of(fork);
        let seen = (&one["status"], &one["commits"], &one["turns"], &one["files"]);
        assert_eq!(seen, (&status.into(), &1.into(), &1.into(), &3.into()), "{one:#}");
        assert!(one["tokens"].as_u64().unwrap() > 0, "{one:#}");
    }

    let adopted = json(&host, &["adopt", &made[0].name, "--format", "json"]);
    assert_eq!(adopted["parts"], serde_json::json!(["container", "workspace", "conversation"]), "{adopted:#}");
    let of_fork = tree::without_git(&made[0].workspace);
    assert_eq!(tree::difference(&of_fork, &tree::without_git(&host.proj)), "");
    let as_in_fork =
        state(&host, &made[0].workspace).replace(&format!("refs/heads/{}", made[0].branch), "refs/heads/main");
    assert_eq!(state(&host, &host.proj), as_in_fork);
    assert_eq!(inside(&host, &origin, "ls /etc/of-*"), "/etc/of-good");
    host.cci(&["tmux", "send", &origin, "after-adopting"]).ok();
    wait::until("the adopted conversation goes on", LONG, || {
        if api.saw_together(&[&work("good"), "after-adopting"]) { Ok(()) } else { Err(shown(&host, &origin)) }
    });

    // the branches of the forks are in one file with those that come back
    git(&host, &host.proj, &["pack-refs", "--all"]);
    host.cci(&["rewind", "--yes", adopted["from"].as_str().unwrap()]).ok();
    let now = (tree::without_git(&host.proj), state(&host, &host.proj));
    assert_eq!(tree::difference(&then.0, &now.0), "");
    assert_eq!(now.1, then.1);
    assert!(inside(&host, &origin, "ls /etc/of-*").contains("No such file"));
    for (fork, word) in made.iter().zip(words) {
        assert_eq!(
            git(&host, &fork.workspace, &["log", "-1", "--format=%s"]),
            word,
            "a rewind of the origin is none of the fork"
        );
    }

    let names: Vec<&str> = made.iter().map(|fork| fork.name.as_str()).collect();
    host.cci(&[&["fork", "--yes", "--remove"], names.as_slice()].concat()).ok();
    assert!(made.iter().all(|fork| !fork.workspace.exists()));
    assert_eq!(host.containers(), [origin]);
    assert_eq!(git(&host, &host.proj, &["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(&host, &host.proj, &["log", "-1", "--format=%s", &made[0].branch]), "good", "commits stay");
}

fn shown(host: &Host, name: &str) -> String {
    host.cci(&["tmux", "capture", name]).to_string()
}

fn until_done(host: &Host, name: &str, workspace: &Path) -> Result<(), String> {
    let answered = shown(host, name).contains("I have seen");
    if workspace.join("done").exists() && answered { Ok(()) } else { Err(shown(host, name)) }
}

const DUMMY: [(&str, &str); 1] = [("CCI_USE_DUMMY", "1")];

/// A repository of the host's user with something in every state.
fn repository(host: &Host) {
    let mut command = host.command("bash");
    command.env("WORK", WORK).args(["-c", &format!("printenv WORK >work && {FIRST}")]);
    run(command, b"").ok();
}

#[test]
fn git_works_in_a_fork_and_the_host_sees_what_is_committed_there() {
    for user in [U1000, U1234] {
        let host = Host::live(user);
        repository(&host);
        let then = state(&host, &host.proj);
        let out = host.cci_with(&["fork", "--format", "json"], &DUMMY, b"").ok();
        let fork = Fork::of(&serde_json::from_str::<Value>(&out.stdout).unwrap()["forks"][0]);
        let as_origin = |seen: String| seen.replace(&fork.branch, "main");
        assert_eq!(as_origin(state(&host, &fork.workspace)), then);
        let mut files = tree::without_git(&fork.workspace);
        assert_eq!(tree::difference(&tree::without_git(&host.proj), &files), "");
        let status = "git status --porcelain --ignored";
        assert_eq!(
            inside(&host, &fork.container, status),
            git(&host, &host.proj, &["status", "--porcelain", "--ignored"])
        );
        let commit = "git worktree prune --expire=now; git gc -q && git commit -qm in-fork && git log --format=%s";
        assert_eq!(inside(&host, &fork.container, commit), "in-fork\nfirst");
        assert_eq!(git(&host, &host.proj, &["log", "--format=%s", &fork.branch]), "in-fork\nfirst");
        assert_eq!(git(&host, &host.proj, &["log", "--format=%s"]), "first", "the origin's branch stays");
        assert_eq!(git(&host, &host.proj, &["worktree", "list"]).lines().count(), 2);
        // a checkpoint of a fork holds what git keeps for it elsewhere
        let before = (
            host.cci(&["-w", fork.workspace.to_str().unwrap(), "checkpoint"]).ok().stdout,
            state(&host, &fork.workspace),
        );
        files = tree::without_git(&fork.workspace);
        inside(&host, &fork.container, "git reset -q --hard HEAD~1 && git commit -q --allow-empty -m other && rm link");
        assert_ne!(state(&host, &fork.workspace), before.1);
        host.cci_with(&["rewind", "-w", fork.workspace.to_str().unwrap(), "--yes", before.0.trim()], &DUMMY, b"").ok();
        assert_eq!(state(&host, &fork.workspace), before.1);
        assert_eq!(tree::difference(&files, &tree::without_git(&fork.workspace)), "");
        let again =
            host.cci_with(&["fork", "-w", fork.workspace.to_str().unwrap(), "--format", "json"], &DUMMY, b"").ok();
        let second = Fork::of(&serde_json::from_str::<Value>(&again.stdout).unwrap()["forks"][0]);
        assert_eq!(
            state(&host, &second.workspace).replace(&second.branch, &fork.branch),
            before.1,
            "the fork of a fork"
        );
        host.cci(&["kill", "--all", "--force"]).ok();
    }
}

#[test]
fn a_killed_or_interrupted_fork_leaves_all_or_nothing() {
    let host = Host::live(U1000);
    repository(&host);
    let args = ["fork", "-n", "2"];
    let began = Instant::now();
    host.cci_with(&args, &DUMMY, b"").ok();
    let takes = began.elapsed();
    remove_all(&host);
    host.cci(&["clean", "--sessions", "--force"]).ok();
    let before = names(&host);
    let (seed, rounds) = (figures::seed(), figures::rounds(6, 100));
    let (mut random, mut hit) = (Random::new(seed), 0);
    for n in 0..rounds {
        let signal = if n % 3 == 1 { Signal::INT } else { Signal::KILL };
        let mut command = host.cci_command(&args);
        command.envs(DUMMY).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let delay = takes * u32::try_from(random.below(1000)).unwrap() / 1000;
        let (tell, end) = mpsc::channel();
        std::thread::spawn(move || tell.send(child.wait().unwrap()));
        let early = end.recv_timeout(delay).ok();
        if early.is_none() {
            // it may have ended in this very moment
            let _ = kill_process(pid, signal);
        }
        hit += usize::from(early.is_none());
        let ended = early.unwrap_or_else(|| end.recv_timeout(LONG).expect("it hangs after a signal"));
        let next = host.cci(&["list"]).ok();
        let made = json(&host, &["compare", "--format", "json"])["forks"].as_array().unwrap().len();
        let when = format!("seed {seed}, {n}: {signal:?} after {delay:?} of {takes:?}, {ended}\n{next}");
        if made == 2 {
            assert_eq!(host.containers().len(), 2, "{when}");
            remove_all(&host);
        }
        host.wait_until_gone();
        assert_eq!(names(&host), before, "{when}");
        assert!(made == 0 || made == 2, "{made} {when}");
        assert!(host.sessions().is_empty() || made == 2, "{when}");
        assert_eq!(entries(&host.home.join(".cci/unfinished")), [""; 0], "{when}");
        host.cci(&["clean", "--sessions", "--force"]).ok();
    }
    figures::note(&format!("fork killed at {hit} of {rounds} random moments of {takes:?}: seed {seed}"));
    assert!(hit > 0, "no signal met a fork");
}

fn entries(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn remove_all(host: &Host) {
    let made = json(host, &["compare", "--format", "json"]);
    for fork in made["forks"].as_array().unwrap() {
        host.cci(&["fork", "--yes", "--remove", fork["name"].as_str().unwrap()]).ok();
    }
}

/// Every name in the repository but objects, and in the directory of the forks.
fn names(host: &Host) -> Vec<PathBuf> {
    let of = |dir: PathBuf| if dir.exists() { tree::of(&dir) } else { BTreeMap::default() };
    let (git, forks) = (of(host.proj.join(".git")), of(host.home.join(".cci/worktrees")));
    git.into_keys().chain(forks.into_keys()).filter(|path| !path.starts_with("objects")).collect()
}

#[test]
fn a_fork_that_cannot_be_is_refused_with_the_way_out() {
    let host = Host::live(U1000);
    let no = |args: &[&str]| {
        let out = host.cci_with(args, &DUMMY, b"");
        assert_ne!(out.code, 0, "{out}");
        out.stderr
    };
    assert!(no(&["fork", "-n", "11"]).contains("1 to 10"));
    assert!(no(&["fork", "3fa9c1"]).contains("checkpoint 3fa9c1 not found"));
    let unknown = no(&["adopt", "proj-fork-3fa9c1"]);
    assert!(
        unknown.contains("fork proj-fork-3fa9c1 of this workspace not found") && unknown.contains("cci fork"),
        "{unknown}"
    );
    host.cci_with(&["fork"], &DUMMY, b"").ok();
    let fork = json(&host, &["compare", "--format", "json"])["forks"][0]["name"].as_str().unwrap().to_owned();
    let near = no(&["compare", "proj-fork-000000"]);
    assert!(near.contains(&fork), "{near}");
    let other = host.dir("other");
    let elsewhere = no(&["adopt", "-w", other.to_str().unwrap(), &fork]);
    assert!(elsewhere.contains("is one of workspace") && elsewhere.contains("--workspace"), "{elsewhere}");
    let place = host.home.join(".cci/worktrees").join(&fork);
    assert!(no(&["adopt", "-w", place.to_str().unwrap(), &fork]).contains("which alone can adopt"));
    // without its container the rest is adopted
    std::fs::write(place.join("of-fork"), "x").unwrap();
    host.cci(&["kill", "--all", "--force"]).ok();
    let adopted = json(&host, &["adopt", &fork, "--format", "json"]);
    assert_eq!(adopted["missing"][0]["part"], "container", "{adopted:#}");
    assert!(host.proj.join("of-fork").exists());
    assert!(
        incus(&["list", "--project", &host.project, "-f", "csv", "-c", "n"])
            .lines()
            .all(|name| !name.starts_with(&host.prefix))
    );
}

#[test]
fn the_stand_in_agent_forks_its_conversation_too_and_a_plain_directory_is_adopted() {
    let host = Host::live(U1234);
    let cci = |args: &[&str]| host.cci_with(args, &DUMMY, b"");
    cci(&["shell", "--background"]).ok();
    let origin = host.only_container();
    let says = |container: &str, text: &str| {
        cci(&["tmux", "send", container, text]).ok();
        wait::until("it answers", LONG, || {
            let shown = cci(&["tmux", "capture", container, "--all"]).stdout;
            if shown.contains(&format!("{text}-BACK")) { Ok(()) } else { Err(shown) }
        });
    };
    says(&origin, "before");
    std::fs::write(host.proj.join("word"), "origin").unwrap();
    let made: Value = serde_json::from_str(&cci(&["fork", "--format", "json"]).ok().stdout).unwrap();
    let fork = &made["forks"][0];
    let (name, dir) = (fork["name"].as_str().unwrap(), PathBuf::from(fork["workspace"].as_str().unwrap()));
    let container = fork["container"].as_str().unwrap();
    says(container, "inside");
    let shown = cci(&["tmux", "capture", container, "--all"]).stdout;
    assert!(shown.contains("before-BACK"), "it remembers what was said before: {shown}");
    std::fs::write(dir.join("word"), "fork").unwrap();
    assert_eq!(std::fs::read_to_string(host.proj.join("word")).unwrap(), "origin");
    cci(&["adopt", name, "--yes"]).ok();
    assert_eq!(std::fs::read_to_string(host.proj.join("word")).unwrap(), "fork");
    wait::until("the origin's agent has the fork's conversation", LONG, || {
        let shown = cci(&["tmux", "capture", &origin, "--all"]).stdout;
        if shown.contains("inside-BACK") { Ok(()) } else { Err(shown) }
    });
    remove_all(&host);
}
