//! cci talks to Incus by its socket: no verb but `setup` starts a program, which strace sees of the whole process tree.

use std::process::Command;

use crate::support::host::{Host, ROOT, binary_dir, run};

/// Each verb with arguments that make it work; `NAME` stands for a running container. A verb is here before it is there.
const VERBS: [&str; 82] = [
    "version",
    "list --all",
    "run -- true",
    "attach",
    "info",
    "doctor",
    "reclaim",
    "agent list",
    "agent update --image cci-no-such-image",
    "agent pin claude latest --image cci-no-such-image",
    "build",
    "build custom cci-no-such-image --base cci-no-such-base --script /bin/true",
    "config show",
    "config check",
    "config init",
    "config path",
    "config schema",
    "config trust",
    "profile list",
    "profile show hardened",
    "profile create mine",
    "network show NAME",
    "network why example.com",
    "network allow NAME example.com",
    "network allow --write user example.com",
    "network learn",
    "network log",
    "audit show",
    "audit verify",
    "network refresh",
    "image list",
    "image exists cci",
    "image publish NAME cci-no-such-image --wrong",
    "image delete cci-no-such-image",
    "image cleanup cci-no-such- --keep 1",
    "images",
    "tmux list",
    "tmux send NAME true",
    "tmux capture NAME",
    "container exists NAME",
    "container running NAME",
    "container exec NAME -- true",
    "container mount NAME no-such-device /no-such-source /mnt",
    "container launch cci-no-such-image no-such-container",
    "container stop NAME --wrong",
    "container start NAME",
    "container delete no-such-container",
    "file push /etc/hostname NAME:/root/x",
    "file pull NAME:/etc/hostname .",
    "schema",
    "completion bash",
    "bench --wrong",
    "checkpoint",
    "log --graph",
    "diff",
    "review",
    "rewind --dry-run ~0",
    "fork 0000",
    "compare",
    "adopt no-such-fork",
    "worktree list",
    "worktree prune",
    "worktree merge no-such-worktree",
    "login status",
    "login add work --from-environment",
    "login use host",
    "login remove work",
    "secret set api --host api.example.com --command true",
    "secret list",
    "secret remove api",
    "supervisor status",
    "supervisor logs",
    "supervisor restart",
    "supervisor stop",
    "man",
    "help",
    "persist NAME",
    "shell --debug --background",
    "shell --resume --background --debug",
    "shutdown --timeout=1 NAME",
    "kill --all --force",
    "clean --all --force",
];

/// The verbs whose work is a program of the host: packages, and the person's editor.
const STARTS_PROGRAMS: [&str; 2] = ["setup", "config edit"];

#[test]
fn no_verb_starts_a_program() {
    let host = Host::live(ROOT);
    let name = host.cci(&["shell", "--debug", "--background"]).ok().stdout;
    let name = name.split_whitespace().next().unwrap();
    let known = verbs(&host, &[]);
    for verb in known.iter().filter(|verb| !STARTS_PROGRAMS.contains(&verb.as_str())) {
        assert!(VERBS.iter().any(|line| is_of(line, verb)), "the table has no line for `cci {verb}`");
    }
    for line in VERBS {
        if !known.iter().any(|verb| is_of(line, verb)) {
            continue;
        }
        let args: Vec<String> = line.split(' ').map(|word| word.replace("NAME", name)).collect();
        let started = programs(&host, binary_dir().join("cci").to_str().unwrap(), &args);
        assert_eq!(started.len(), 1, "`cci {line}` starts programs:\n{}", started.join("\n"));
    }
}

#[test]
fn a_program_behind_another_would_be_seen() {
    let host = Host::live(ROOT);
    let started = programs(&host, "sh", &["-c".to_owned(), "(incus version & wait); true".to_owned()]);
    assert!(started.iter().any(|call| call.contains("/incus\"")), "{started:?}");
}

fn is_of(line: &str, verb: &str) -> bool {
    line.strip_prefix(verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Every verb that the help knows, those of groups too.
fn verbs(host: &Host, group: &[&str]) -> Vec<String> {
    let help = host.cci(&[group, &["--help"]].concat()).ok().stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    // a group alone does nothing; `build` does
    let itself = (names.is_empty() || group == ["build"]).then(|| group.join(" "));
    let inner = names.into_iter().filter(|name| group.is_empty() || *name != "help");
    itself.into_iter().chain(inner.flat_map(|name| verbs_of(host, group, name))).collect()
}

fn verbs_of(host: &Host, group: &[&str], name: &str) -> Vec<String> {
    if name == "help" { vec!["help".to_owned()] } else { verbs(host, &[group, &[name]].concat()) }
}

/// The programs that a command and all that it starts have executed, itself first.
#[track_caller]
fn programs(host: &Host, program: &str, args: &[String]) -> Vec<String> {
    let trace = host.dir("trace").join("execve");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"]).arg(&trace).arg(program).args(args);
    command.env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"");
    assert!([0, 1, 2, 125].contains(&out.code), "{program} {args:?}: {out}");
    let calls = std::fs::read_to_string(&trace).unwrap();
    // a name that is looked for along PATH fails until it is found; the supervisor is cci itself
    let is_own = |line: &str| line.contains(r#"/cci", ["cci", "supervisor", "#);
    let is_start = |line: &&str| line.contains("execve") && !line.contains("ENOENT") && !is_own(line);
    calls.lines().filter(is_start).map(str::to_owned).collect()
}
