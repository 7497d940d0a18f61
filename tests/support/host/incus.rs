//! The Incus that the tests share.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// The Incus project of this run: `tests/run` names and removes it; a single test by hand works in one of its own name.
pub(super) fn project() -> String {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let name = std::env::var("CCI_TEST_PROJECT").unwrap_or_else(|_| "cci-test".to_owned());
        let known = Command::new("incus").args(["project", "show", &name]).output();
        let known = known.expect("the tests need a running Incus: `cci setup` installs it, `tests/run` does it all");
        if !known.status.success() {
            let features =
                ["features.images", "features.profiles", "features.storage.volumes", "features.storage.buckets"];
            let mut create = Command::new("incus");
            create.args(["project", "create", &name]);
            for feature in features {
                create.args(["-c", &format!("{feature}=false")]);
            }
            // another test process may be quicker: then it is there, which is what is wanted
            let _ = create.output();
        }
        name
    })
    .clone()
}

/// The socket of the Incus that the tests share.
pub fn daemon_socket() -> PathBuf {
    let candidates = ["/run/incus/unix.socket", "/var/lib/incus/unix.socket"];
    let there = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    there.expect("the tests need a running Incus")
}

/// The Incus client, to look at what cci did with other eyes.
#[track_caller]
pub fn incus(args: &[&str]) -> String {
    let output = answer(Command::new("incus").args(args));
    assert!(output.status.success(), "incus {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What Incus says where it has done nothing, for a reason of its own: under load it gives an exec up, whose command may
/// run all the same and therefore must do no harm a second time; it cannot read an ACL at the moment in which another test deletes one of its own, and setting a network up it
/// looks at every interface of the host, of which the pair of another test's container may just be gone.
const NOT_DONE: [&str; 3] =
    ["Failed to retrieve PID", "Failed getting ACL usage", "Failed to delete bridge children interfaces"];

/// How often a command is sent.
const TRIES: usize = 5;

fn not_done(said: &str) -> bool {
    NOT_DONE.iter().any(|sentence| said.contains(sentence))
}

/// What a command of the Incus client says; it is sent again where Incus has not done it.
pub fn answer(command: &mut Command) -> Output {
    let attempt = || command.output().expect("the tests need the Incus client");
    let mut outputs = std::iter::repeat_with(attempt).take(TRIES);
    let has_run = |output: &Output| !not_done(&String::from_utf8_lossy(&output.stderr));
    outputs.find(has_run).unwrap_or_else(|| panic!("Incus gave the command up {TRIES} times"))
}

/// A command that has begun in a container and keeps running, with a pipe as stdout; it is sent again if Incus has not begun it.
#[track_caller]
pub fn exec_in_background(project: &str, container: &str, command: &[&str]) -> Child {
    const SAY_SO: &str = r#"echo begun >&2; exec "$@""#;
    let begin = || {
        let mut incus = Command::new("incus");
        incus.args(["exec", "--project", project, container, "--", "sh", "-c", SAY_SO, "sh"]).args(command);
        let mut child = incus.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        stderr.read_line(&mut said).unwrap();
        if said == "begun\n" {
            std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(drop));
            return Some(child);
        }
        assert!(not_done(&said), "incus exec {container} {command:?}: {said}");
        child.wait().unwrap();
        None
    };
    std::iter::repeat_with(begin).take(TRIES).flatten().next().expect("Incus gave the command up each time")
}
