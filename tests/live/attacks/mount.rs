//! A host path that is given to Incus after the launch: `container mount`.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;

use super::{SECRET, flipping, inside, plant_key, state, surely_inside};
use crate::support::host::{Host, U1234, daemon_socket, incus};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wait;

fn session(host: &Host) -> String {
    fs::write(host.dir("proj/data").join("known"), "mine").unwrap();
    host.cci(&["shell", "--background", "--debug"]).ok();
    host.only_container()
}

/// Waits for what the mount shows: a container that is just booting now and then refuses a command.
fn shows(host: &Host, name: &str, content: &str) {
    wait::until("the mounted file is shown", Duration::from_secs(30), || match inside(host, name, "cat /data/known") {
        Some(seen) if seen == content => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_link_in_the_place_of_a_mounted_directory_shows_no_key_after_a_reboot() {
    let host = Host::live(U1234);
    let ssh = plant_key(&host);
    let name = session(&host);
    host.cci(&["container", "mount", &name, "d", "./data", "/data"]).ok();
    shows(&host, &name, "mine");
    let swap = format!("cd /workspace && [ -L data ] || {{ mv data x && ln -s {} data; }}", ssh.display());
    surely_inside(&host, &name, &swap);
    let boot = "cat /proc/sys/kernel/random/boot_id; stat -c %i /proc/1/ns/pid";
    let before = surely_inside(&host, &name, boot);
    let _ = inside(&host, &name, "systemctl --no-block reboot");
    // a stop of a moment is no end: it has come back, or Incus has deleted what did not start
    let came_back = wait::until("the reboot is over", Duration::from_secs(120), || {
        match (inside(&host, &name, boot), host.containers().is_empty()) {
            (_, true) => Ok(false),
            (Some(now), _) if now != before => Ok(true),
            (now, _) => Err(format!("{now:?}")),
        }
    });
    let key = if came_back { inside(&host, &name, "cat /data/id_ed25519") } else { None };
    assert_ne!(key.as_deref(), Some(SECRET));
    assert!(!came_back, "it started with another directory at /data: {:?}", inside(&host, &name, "ls -la /data"));
}

#[test]
fn a_link_that_is_there_already_is_judged_by_where_it_leads() {
    let host = Host::live(U1234);
    let ssh = plant_key(&host);
    let name = session(&host);
    symlink(&ssh, host.proj.join("key")).unwrap();
    symlink(host.dir("documents"), host.proj.join("documents")).unwrap();
    symlink("..", host.dir("proj/deep").join("up")).unwrap();
    for (source, reason) in [
        ("./key", "containers never see it"),
        ("./key/id_ed25519", "it is in"),
        ("./deep/up/key", "containers never see it"),
        ("./documents", "it leads out of the workspace"),
        ("~/.ssh", "does not exist"),
        ("/etc", "containers never see it"),
        ("/", "it is the whole file system"),
        ("../home", "containers never see it"),
        ("./missing", "it does not exist"),
    ] {
        let out = host.cci(&["container", "mount", &name, "d", source, "/data"]);
        assert_eq!(out.code, 2, "{source}: {out}");
        assert!(out.stderr.contains("error: cannot mount") && out.stderr.contains(reason), "{source}: {out}");
    }
    for (place, reason) in [
        ("/workspace", "it would hide /workspace"),
        ("/workspace/x", "is nested in /workspace"),
        ("/home/code", "it would hide /home/code"),
        ("/etc/x", "it would hide the system directory /etc"),
        ("data", "it must be absolute"),
    ] {
        let out = host.cci(&["container", "mount", &name, "d", "./data", place]);
        assert_eq!(out.code, 2, "{place}: {out}");
        assert!(out.stderr.contains(reason), "{place}: {out}");
    }
    assert_eq!(inside(&host, &name, "ls /data 2>/dev/null || echo none").as_deref(), Some("none"));
    // a second mount at the place of the first, or below it, is a conflict as in a launch
    host.cci(&["container", "mount", &name, "d", "./data", "/data"]).ok();
    for place in ["/data", "/data/below"] {
        let out = host.cci(&["container", "mount", &name, "e", "./data", place]);
        assert!(out.code == 2 && out.stderr.contains("mount conflict"), "{place}: {out}");
    }
}

#[test]
fn a_link_that_comes_and_goes_during_the_mount_shows_no_key_for_a_moment() {
    let host = Host::live(U1234);
    let ssh = plant_key(&host);
    let name = session(&host);
    let watch = "systemd-run --quiet sh -c 'while :; do cat /data/id_ed25519 >>/run/seen 2>/dev/null; done'";
    wait::until("the watch runs", Duration::from_secs(30), || {
        inside(&host, &name, watch).map(drop).ok_or_else(|| "it was not started".to_owned())
    });
    let (mut mounted, mut refused) = (0, 0);
    flipping(&host.proj.join("data"), &ssh, || {
        for number in 0..24 {
            let out = host.cci(&["container", "mount", &name, &format!("d{number}"), "./data", "/data"]);
            if out.code == 0 {
                mounted += 1;
                incus(&["config", "device", "remove", "--project", &host.project, &name, &format!("d{number}")]);
            } else {
                refused += 1;
                assert!(out.stderr.contains("cannot mount"), "{out}");
            }
            assert_eq!(state(&host, &name), "RUNNING", "{out}");
        }
    });
    assert!(mounted > 0 && refused > 0, "{mounted} mounted, {refused} refused: both were to be seen");
    let seen = wait::until("what was seen is told", Duration::from_secs(30), || {
        inside(&host, &name, "cat /run/seen 2>&1; true").ok_or_else(|| "no answer".to_owned())
    });
    assert_eq!(seen, "");
}

#[test]
fn a_directory_that_got_the_freed_inode_is_another() {
    let host = Host::live(U1234);
    let name = format!("{}plain", host.prefix);
    host.cci(&["container", "launch", &crate::support::host::image(), &name]).ok();
    let data = host.dir("proj/data");
    host.cci(&["container", "stop", "--force", &name]).ok();
    host.cci(&["container", "mount", &name, "d", "./data", "/data"]).ok();
    host.cci(&["container", "start", &name]).ok();
    host.cci(&["container", "stop", "--force", &name]).ok();
    let inode = fs::metadata(&data).unwrap().ino();
    fs::remove_dir(&data).unwrap();
    // a file system that reuses inodes gives this one to one of the next; else it is another anyway
    let made: Vec<_> = (0..64).map(|number| host.dir(&format!("proj/again-{number}"))).collect();
    let again = made.iter().find(|path| fs::metadata(path).unwrap().ino() == inode).unwrap_or(&made[0]);
    fs::write(again.join("id_ed25519"), SECRET).unwrap();
    fs::rename(again, &data).unwrap();
    let out = host.cci(&["container", "start", &name]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("was replaced by another"), "{out}");
}

#[test]
fn a_mount_that_fails_halfway_leaves_the_container_running_without_it() {
    let host = Host::live(U1234);
    let name = session(&host);
    let proxy = Proxy::start(&daemon_socket());
    let through = || {
        let mut command = host.cci_command(&["container", "mount", &name, "d", "./data", "/data"]);
        command.env("INCUS_SOCKET", proxy.socket());
        crate::support::host::run(command, b"")
    };
    for fault in [Fault::Error, Fault::CutBefore] {
        proxy.spoil_first("PATCH ", fault);
        let out = through();
        assert!(out.code == 1 && proxy.hit().is_some(), "{fault:?}: {out}");
        assert_eq!(state(&host, &name), "RUNNING", "{fault:?}: {out}");
    }
    proxy.behave();
    through().ok();
    shows(&host, &name, "mine");
}
