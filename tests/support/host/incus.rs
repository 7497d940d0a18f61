//! The Incus that the tests share.

use std::path::PathBuf;
use std::process::{Command, Output};
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

/// What Incus says where it has done nothing, for a reason of its own: under load it gives an exec up before its command
/// runs, and it cannot read an ACL at the moment in which another test deletes one of its own.
const NOT_DONE: [&str; 2] = ["Failed to retrieve PID", "Failed getting ACL usage"];

/// What a command of the Incus client says; it is sent again where Incus has not done it.
pub fn answer(command: &mut Command) -> Output {
    const TRIES: usize = 5;
    let attempt = || command.output().expect("the tests need the Incus client");
    let has_run = |output: &Output| {
        let said = String::from_utf8_lossy(&output.stderr);
        !NOT_DONE.iter().any(|sentence| said.contains(sentence))
    };
    let mut outputs = std::iter::repeat_with(attempt).take(TRIES);
    outputs.find(has_run).unwrap_or_else(|| panic!("Incus gave the command up {TRIES} times"))
}
