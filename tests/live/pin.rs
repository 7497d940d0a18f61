//! A container that replaces a mounted directory by a link gets nothing of the host at its next start.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use crate::support::host::{Host, U1000, answer};
use crate::support::wait;

/// A session whose project mounts a directory of the workspace, and a private directory of the user's.
fn session() -> (Host, String) {
    let host = Host::live(U1000);
    fs::write(host.proj.join(".cci.toml"), "mounts.default = [{ host = \"sub\", container = \"/cache\" }]\n").unwrap();
    fs::write(host.dir("proj/sub").join("known"), "mine").unwrap();
    fs::write(host.dir("private").join("known"), "secret").unwrap();
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    (host, name)
}

fn exec(host: &Host, name: &str, script: &str) -> Option<String> {
    let args = ["exec", "--project", &host.project, name, "--", "sh", "-c", script];
    let out = answer(Command::new("incus").args(args));
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Asks for a reboot, as the agent can; asked again only if Incus did not run the command.
fn reboot(host: &Host, name: &str) {
    wait::until("a reboot is asked for", Duration::from_secs(30), || {
        exec(host, name, "systemctl --no-block reboot").map(drop).ok_or_else(|| "it was not run".to_owned())
    });
}

/// A number that every start has of its own.
fn start(host: &Host, name: &str) -> Option<String> {
    exec(host, name, "stat -c %Y-%i /proc/1/ns/pid; stat -c %i /proc/1/ns/mnt")
}

#[test]
fn a_link_in_the_place_of_a_mounted_directory_is_not_followed_at_the_next_start() {
    let (host, name) = session();
    assert_eq!(exec(&host, &name, "cat /cache/known").unwrap(), "mine");
    fs::rename(host.proj.join("sub"), host.proj.join("gone")).unwrap();
    symlink(host.dir("private"), host.proj.join("sub")).unwrap();
    reboot(&host, &name);
    // a stop of a moment is no end: what does not start again Incus deletes
    wait::until("the container has ended", Duration::from_secs(120), || {
        assert_ne!(exec(&host, &name, "cat /cache/known").as_deref(), Some("secret"));
        if host.containers().is_empty() { Ok(()) } else { Err(format!("{:?}", start(&host, &name))) }
    });
    // and the person is told when the next launch meets the link
    let out = host.cci(&["run", "--", "true"]);
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains("mounts.default (/cache) is refused from a project file"), "{out}");
    host.trust();
    let out = host.cci(&["run", "--", "true"]);
    assert!(out.code == 2 && out.stderr.contains("it leads out of the workspace"), "also when it is trusted: {out}");
}

#[test]
fn a_start_with_nothing_swapped_shows_the_same() {
    let (host, name) = session();
    let before = start(&host, &name).unwrap();
    reboot(&host, &name);
    wait::until("the container has started again", Duration::from_secs(120), || match start(&host, &name) {
        Some(now) if now != before => Ok(()),
        other => Err(format!("{other:?}")),
    });
    wait::until("its mounts are there", Duration::from_secs(30), || match exec(&host, &name, "cat /cache/known") {
        Some(seen) if seen == "mine" => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
