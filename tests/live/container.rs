//! `cci container`: basic verbs on any container, streams and exit statuses of `exec`.

use std::time::Duration;

use crate::support::base::foreign_image;
use crate::support::host::{Host, U1000, U1234, image, incus};
use crate::support::wait;

/// A running container of `container launch`.
pub(crate) fn launched(host: &Host) -> String {
    let name = format!("{}plain", host.prefix);
    host.cci(&["container", "launch", foreign_image(), &name, "--network", "open"]).ok();
    name
}

#[test]
fn a_container_is_launched_looked_at_stopped_started_and_deleted() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let ends = |args: &[&str]| host.cci(&[&["container"], args].concat());
    let quiet = |args: &[&str], code: i32| {
        let out = ends(args);
        assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (code, "", ""), "{args:?}");
    };
    quiet(&["exists", &name], 0);
    quiet(&["running", &name], 0);
    quiet(&["exists", "no-such-container"], 1);
    quiet(&["running", "no-such-container"], 1);
    let refused = ends(&["delete", &name]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains(&format!("error: container {name} is running")), "{refused}");
    quiet(&["running", &name], 0);
    ends(&["stop", "--force", &name]).ok();
    ends(&["stop", &name]).ok();
    quiet(&["exists", &name], 0);
    quiet(&["running", &name], 1);
    assert_eq!(ends(&["exec", &name, "--", "true"]).code, 125);
    ends(&["start", &name]).ok();
    ends(&["start", &name]).ok();
    quiet(&["running", &name], 0);
    let again = ends(&["launch", foreign_image(), &name, "--network", "open"]);
    assert_eq!(again.code, 1, "{again}");
    assert!(again.stderr.contains(&format!("container {name} already exists")), "{again}");
    ends(&["delete", "--force", &name]).ok();
    quiet(&["exists", &name], 1);
}

#[test]
fn a_launched_container_has_what_every_container_gets() {
    let host = Host::live(U1000);
    let name = format!("{}plain", host.prefix);
    host.cci(&["container", "launch", foreign_image(), &name, "--ephemeral"]).ok();
    let config = incus(&["config", "show", "--project", &host.project, &name]);
    for want in [
        "security.privileged: \"false\"",
        "security.nesting: \"true\"",
        "security.guestapi: \"false\"",
        "security.port_isolation: \"true\"",
        "user.cci.managed: \"true\"",
        "user.cci.kind: plain",
        "user.cci.owner-uid: \"1000\"",
        "ephemeral: true",
    ] {
        assert!(config.contains(want), "{want} is missing in\n{config}");
    }
    assert!(!config.contains("/workspace") && !config.contains("user.cci.session"), "{config}");
    host.cci(&["container", "stop", "--force", &name]).ok();
    wait::until("Incus has deleted it", Duration::from_secs(60), || {
        if host.cci(&["container", "exists", &name]).code == 1 { Ok(()) } else { Err("it is there".to_owned()) }
    });
}

#[test]
fn exec_passes_streams_and_statuses_through() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let exec = |args: &[&str], stdin: &[u8]| host.cci_with(&[&["container", "exec"], args].concat(), &[], stdin);
    let out = exec(&[&name, "--", "sh", "-c", "printf out; printf err >&2; exit 7"], b"");
    assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (7, "out", "err"));
    for (command, want) in [
        (&["true"][..], 0),
        (&["no-such-command"], 127),
        (&["/etc"], 126),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "exit 98"], 98),
    ] {
        assert_eq!(exec(&[&[name.as_str(), "--"], command].concat(), b"").code, want, "{command:?}");
    }
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    assert!(exec(&[&name, "cat"], &bytes).ok().raw == bytes, "the bytes differ");
    assert_eq!(exec(&[&name, "cat"], b"").ok().stdout, "");
    let missing = exec(&["no-such-container", "--", "true"], b"");
    assert_eq!(missing.code, 125, "{missing}");
    assert!(missing.stderr.contains("error: container no-such-container not found"), "{missing}");
}

#[test]
fn exec_takes_its_flags_before_and_after_the_name() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let exec = |args: &[&str]| host.cci(&[&["container", "exec"], args].concat());
    let ids = "echo $(id -u):$(id -g):$HOME:$A; pwd";
    for args in [
        [&["--user", "nobody", "--env", "A=b c", "--cwd", "/tmp", &name, "--"][..], &["sh", "-c", ids]].concat(),
        [&[name.as_str(), "--user", "nobody", "--env", "A=b c", "--cwd", "/tmp"][..], &["sh", "-c", ids]].concat(),
    ] {
        assert_eq!(exec(&args).ok().stdout, "65534:65534:/nonexistent:b c\n/tmp\n", "{args:?}");
    }
    assert_eq!(exec(&[&name, "--user", "65534", "id", "-un"]).ok().stdout, "nobody\n");
    assert_eq!(exec(&[&name, "--user", "4242", "--group", "17", "sh", "-c", ids]).ok().stdout, "4242:17::\n/\n");
    assert_eq!(exec(&[&name, "sh", "-c", "id -u; pwd"]).ok().stdout, "0\n/\n");
    assert_eq!(exec(&[&name, "echo", "--user", "x", "--", "y"]).ok().stdout, "--user x -- y\n");
    // the agent's user is the container's own where it is no session's
    exec(&[&name, "sh", "-c", "echo code:x:1000:7::/else/where:/bin/sh >> /etc/passwd"]).ok();
    assert_eq!(exec(&[&name, "--user", "code", "sh", "-c", ids]).ok().stdout, "1000:7:/else/where:\n/\n");
    let nobody = exec(&[&name, "--user", "not-there", "true"]);
    assert_eq!(nobody.code, 125, "{nobody}");
    assert!(nobody.stderr.contains("no user 'not-there'"), "{nobody}");
    let nowhere = exec(&[&name, "--cwd", "/not/there", "true"]);
    assert_eq!(nowhere.code, 125, "{nowhere}");
    assert!(nowhere.stderr.contains("/not/there cannot be entered"), "{nowhere}");
}

#[test]
fn exec_captures_as_json_and_as_bytes() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let exec = |args: &[&str]| host.cci(&[&["container", "exec"], args].concat());
    let script = "printf 'a\\n\"b'; printf e >&2; exit 3";
    let out = exec(&["--capture", &name, "--", "sh", "-c", script]).ok();
    let object: serde_json::Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(object, serde_json::json!({"stdout": "a\n\"b", "stderr": "e", "exit_code": 3}));
    let raw = exec(&["--capture", "--format", "raw", &name, "--", "sh", "-c", "printf '\\377\\0x'; exit 3"]);
    assert_eq!((raw.code, raw.raw.as_slice()), (3, &b"\xff\0x"[..]));
    let alone = exec(&["--format", "raw", &name, "true"]);
    assert_eq!(alone.code, 2, "{alone}");
    assert!(alone.stderr.starts_with("error: --format flag requires --capture\n"), "{alone}");
    let wrong = exec(&["--capture", "--format", "xml", &name, "true"]);
    assert_eq!(wrong.code, 2, "{wrong}");
    assert!(wrong.stderr.contains("invalid format 'xml'"), "{wrong}");
    assert_eq!(exec(&[&name]).code, 2);
}

#[test]
fn a_container_outside_the_prefix_is_ended_by_its_full_name() {
    let host = Host::live(U1234);
    let name = launched(&host);
    let elsewhere = [("CCI_CONTAINER_PREFIX", "elsewhere-")];
    let cci = |args: &[&str]| host.cci_with(args, &elsewhere, b"");
    cci(&["network", "show", &name]).ok();
    let refused = cci(&["container", "delete", &name]);
    let hint = format!("hint: stop it with `cci container stop {name}`, or use --force");
    assert!(refused.code == 1 && refused.stderr.contains(&hint), "{refused}");
    assert!(!cci(&["list"]).ok().stdout.contains(&name));
    assert_eq!(cci(&["kill", "--all", "--force"]).ok().stdout, "No containers to kill\n");
    assert_eq!(cci(&["kill", &name]).ok().stdout, "Killed 1 container(s)\n");
    host.wait_until_gone();
}

#[test]
fn a_container_that_has_no_workspace_gets_one_by_a_mount() {
    let host = Host::live(U1234);
    let name = format!("{}plain", host.prefix);
    host.cci(&["container", "launch", &image(), &name, "--network", "open"]).ok();
    let project = host.dir("project");
    host.cci(&["container", "mount", &name, "workspace", project.to_str().unwrap(), "/workspace"]).ok();
    host.cci(&["container", "exec", &name, "--user", "code", "--", "touch", "made"]).ok();
    assert!(project.join("made").exists());
}

#[test]
fn a_directory_of_the_host_is_mounted_into_a_running_container() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let data = host.dir("data");
    std::fs::write(data.join("f"), "there").unwrap();
    let source = data.to_str().unwrap();
    host.cci(&["container", "mount", &name, "data", source, "/data", "--readonly"]).ok();
    assert_eq!(host.cci(&["container", "exec", &name, "cat", "/data/f"]).ok().stdout, "there");
    assert_ne!(host.cci(&["container", "exec", &name, "touch", "/data/g"]).code, 0);
    assert_eq!(host.cci(&["container", "mount", &name, "data", source, "/data2"]).code, 1);
    assert_eq!(host.cci(&["container", "mount", &name, "etc", "/etc", "/data3"]).code, 2);
    assert_eq!(host.cci(&["container", "mount", &name, "typo", "/no/such/dir", "/data4"]).code, 2);
}
