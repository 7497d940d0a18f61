//! cci talks to Incus by its socket: no verb but `setup` and `build` starts another program.

use std::process::Command;

use crate::support::host::{Host, ROOT, binary_dir, run};

#[test]
fn no_verb_starts_a_program() {
    let host = Host::live(ROOT);
    let trace = host.dir("trace").join("execve");
    let launched = host.cci(&["shell", "--debug", "--background"]).ok();
    let name = launched.stdout.split_whitespace().next().unwrap().to_owned();
    let verbs: [&[&str]; 14] = [
        &["version"],
        &["list", "--all"],
        &["run", "--", "true"],
        &["shell", "--debug", "--background"],
        &["attach"],
        &["info"],
        &["tmux", "list"],
        &["tmux", "send", &name, "true"],
        &["tmux", "capture", &name],
        &["persist", &name],
        &["shell", "--resume", "--background", "--debug"],
        &["shutdown", "--timeout=1", &name],
        &["kill", "--all", "--force"],
        &["clean", "--all", "--force"],
    ];
    for verb in verbs {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"]).arg(&trace).arg(binary_dir().join("cci"));
        command.args(verb).env_clear().envs(host.environment()).current_dir(&host.proj);
        let out = run(command, b"");
        assert!([0, 1, 2].contains(&out.code), "{verb:?}: {out}");
        let calls = std::fs::read_to_string(&trace).unwrap();
        let calls: Vec<&str> = calls.lines().filter(|line| line.contains("execve")).collect();
        assert_eq!(calls.len(), 1, "{verb:?} starts a program:\n{}", calls.join("\n"));
    }
}
