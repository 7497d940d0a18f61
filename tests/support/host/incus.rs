//! The Incus that the tests share.

use std::path::PathBuf;
use std::process::Command;
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
    loop {
        let output = Command::new("incus").args(args).output().expect("the tests need the Incus client");
        let error = String::from_utf8_lossy(&output.stderr);
        // under load Incus gives a command up before it has begun
        if !error.contains("Failed to retrieve PID") {
            assert!(output.status.success(), "incus {args:?}: {error}");
            return String::from_utf8(output.stdout).unwrap();
        }
    }
}
