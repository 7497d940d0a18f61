//! Hosts that are full, read-only or unusual: what can work there works, and what cannot is reported.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::bed::{Bed, assert_tells};
use crate::support::host::{self, Host, U1000};

/// A file system of its own on a directory, until it is dropped.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    pub(super) fn tmpfs(dir: &Path, options: &str) -> Self {
        mount(&["-t", "tmpfs", "-o", options, "cci-test", dir.to_str().unwrap()]);
        Self(dir.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy", self.0.to_str().unwrap()]).output();
    }
}

#[track_caller]
fn mount(args: &[&str]) {
    let done = Command::new("mount").args(args).output().unwrap();
    assert!(done.status.success(), "mount {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

pub(super) fn home_options(size: &str) -> String {
    format!("mode=0700,uid={},gid={},size={size}", U1000.uid, U1000.gid())
}

#[test]
fn a_full_disk_is_told_and_nothing_is_left_behind() {
    let bed = Bed::new();
    let full = Mounted::tmpfs(&bed.host.home, &home_options("1m"));
    let mut filler = bed.host.command("sh");
    filler.args(["-c", "cat /dev/zero >\"$HOME/filler\""]);
    assert_ne!(host::run(filler, b"").code, 0, "the disk is not full");
    let out = bed.host.cci(&["shell", "--background"]);
    assert_tells(&out, 1, "a full disk");
    assert!(out.stderr.contains("No space left on device"), "{out}");
    assert!(bed.containers().is_empty(), "{:?}", bed.containers());
    std::fs::remove_file(bed.host.home.join("filler")).unwrap();
    bed.assert_nothing_left("a full disk");
    let out = bed.host.cci(&["shell", "--background", "--debug"]);
    assert_eq!(out.code, 0, "with room again: {out}");
    drop(full);
    bed.assert_others_untouched("a full disk");
}

#[test]
fn a_home_on_tmpfs_keeps_conversations_as_any_other() {
    let host = Host::live(U1000);
    let _memory = Mounted::tmpfs(&host.home, &home_options("64m"));
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    host.cci(&["tmux", "send", &name, "echo kept >$CLAUDE_CONFIG_DIR/kept"]).ok();
    let kept = host.home.join(".cci/sessions-claude").join(&host.sessions()[0]).join(".claude/kept");
    crate::support::wait::until("the agent's file is in the home", Duration::from_secs(30), || {
        std::fs::read_to_string(&kept).map_err(|error| error.to_string())
    });
    host.cci(&["kill", &name]).ok();
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let host = Host::live(U1000);
    chown(&host.home, Some(0), Some(0)).unwrap();
    let out = host.cci(&["shell", "--background"]);
    assert_tells(&out, 1, "a read-only home");
    assert!(out.stderr.contains(".cci"), "{out}");
    assert!(host.containers().is_empty());
    host.cci(&["list"]).ok();
}

#[test]
fn a_workspace_may_have_any_name_that_incus_takes() {
    let host = Host::live(U1000);
    let long = "l".repeat(200);
    for name in ["with blanks", "quo\"te's", "new\nline", "комната", "a,b=c", "$HOME `id`;x", &long] {
        let workspace = host.dir(name);
        let out = host.cci(&["run", "-w", workspace.to_str().unwrap(), "--", "touch", "made"]);
        assert_eq!(out.code, 0, "{name:?}: {out}");
        assert!(workspace.join("made").exists(), "{name:?}");
    }
}

#[test]
fn a_workspace_that_is_not_utf_8_is_told() {
    let host = Host::live(U1000);
    let workspace = host.proj.join(OsStr::from_bytes(b"la\xfetin"));
    std::fs::create_dir(&workspace).unwrap();
    chown(&workspace, Some(U1000.uid), Some(U1000.gid())).unwrap();
    let mut command = host.cci_command(&["run", "--", "true"]);
    command.current_dir(&workspace);
    let out = host::run(command, b"");
    assert_eq!(out.code, 125, "{out}");
    assert!(out.stderr.contains("UTF-8"), "{out}");
    assert!(host.containers().is_empty());
}

#[test]
fn a_workspace_behind_a_link_or_a_bind_mount_is_written_where_it_is() {
    let host = Host::live(U1000);
    let (real, bound) = (host.dir("real"), host.dir("bound"));
    let link = host.home.join("link");
    symlink(&real, &link).unwrap();
    host.cci(&["run", "-w", link.to_str().unwrap(), "--", "touch", "by-link"]).ok();
    mount(&["--bind", real.to_str().unwrap(), bound.to_str().unwrap()]);
    let _bound = Mounted(bound.clone());
    host.cci(&["run", "-w", bound.to_str().unwrap(), "--", "touch", "by-mount"]).ok();
    assert!(real.join("by-link").exists() && real.join("by-mount").exists());
}

#[test]
fn no_umask_opens_the_store_or_closes_the_container() {
    let host = Host::live(U1000);
    for mask in ["077", "000"] {
        let mut command = host.command("sh");
        let cci = host::binary_dir().join("cci");
        command.args(["-c", &format!("umask {mask}; exec \"$0\" shell --background --debug"), cci.to_str().unwrap()]);
        let out = host::run(command, b"").ok();
        let id = out.stdout.split_whitespace().nth(1).unwrap();
        let dir = host.home.join(".cci/sessions-claude").join(id);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join(".claude"))), (0o700, 0o700), "umask {mask}");
        assert_eq!(mode(&dir.join("metadata.json")), 0o600, "umask {mask}");
        let name = out.stdout.split_whitespace().next().unwrap();
        host.cci(&["tmux", "list"]).ok().stdout.find(name).expect("the agent runs");
        host.cci(&["kill", name]).ok();
    }
}

/// A daemon that has ten thousand containers of this user.
fn crowded(socket: &Path, prefix: &str) {
    let one = |n: usize| {
        serde_json::json!({
            "name": format!("{prefix}{n:08x}-1"), "status": "Stopped", "status_code": 102, "type": "container",
            "ephemeral": false, "created_at": "2026-01-01T00:00:00Z", "last_used_at": "2026-01-01T00:00:00Z",
            "config": {
                "user.cci.managed": "true", "user.cci.kind": "session", "user.cci.owner-uid": U1000.uid.to_string(),
                "user.cci.workspace": format!("/w/{n}"), "user.cci.slot": "1", "user.cci.launch": "x",
            },
        })
    };
    let all: Vec<_> = (0..10_000).map(one).collect();
    let many = serde_json::json!({ "type": "sync", "metadata": all }).to_string();
    let listener = UnixListener::bind(socket).unwrap();
    std::fs::set_permissions(socket, PermissionsExt::from_mode(0o666)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let instances = request[..read].starts_with(b"GET /1.0/instances?");
            let operations = request[..read].starts_with(b"GET /1.0/operations?");
            let none = if operations { r#"{"type":"sync","metadata":{}}"# } else { r#"{"type":"sync","metadata":[]}"# };
            let body = if instances { many.as_str() } else { none };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // a client that has gone does not matter to the next one
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
}

#[test]
fn ten_thousand_containers_are_listed_soon() {
    let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let socket = dir.path().join("unix.socket");
    let host = Host::new(U1000).at_socket(&socket);
    crowded(&socket, &host.prefix);
    let began = Instant::now();
    let out = host.cci(&["list", "--format", "json"]).ok();
    let took = began.elapsed();
    let list: serde_json::Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(list["active_containers"].as_array().map(Vec::len), Some(10_000));
    assert!(took < Duration::from_secs(20), "it took {took:?}");
}
