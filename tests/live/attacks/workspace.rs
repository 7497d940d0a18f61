//! The workspace is a mount like any other: what containers never see cannot be one, by whatever path.

use std::fs;
use std::os::unix::fs::symlink;

use super::plant_key;
use crate::support::host::{Host, U1234};

#[test]
fn what_containers_never_see_is_no_workspace() {
    let host = Host::live(U1234);
    let ssh = plant_key(&host);
    for dir in [".claude", ".cci", ".config/cci", ".ssh/deep"] {
        host.dir(&format!("home/{dir}"));
    }
    symlink(&ssh, host.proj.join("key")).unwrap();
    symlink("..", host.proj.join("up")).unwrap();
    let home = host.home.to_str().unwrap();
    let above = host.home.parent().unwrap().to_str().unwrap();
    let key = host.proj.join("key");
    for place in [
        home,
        above,
        &format!("{home}/.ssh"),
        &format!("{home}/.ssh/deep"),
        &format!("{home}/.claude"),
        &format!("{home}/.cci"),
        &format!("{home}/.config/cci"),
        &format!("{home}/.config"),
        key.to_str().unwrap(),
        "up",
        "/",
        "/etc",
        "/etc/ssl",
        "/proc",
        "/sys",
        "/run",
        "/var",
        "/var/lib/incus",
    ] {
        for verb in [
            &["run", "-w", place, "--", "true"][..],
            &["shell", "--background", "-w", place],
            &["reclaim", "-w", place],
        ] {
            let out = host.cci(verb);
            assert_eq!(out.code, 2, "{verb:?}: {out}");
            assert!(out.stderr.contains("cannot mount") || out.stderr.contains("workspace"), "{verb:?}: {out}");
        }
    }
    let out = host.cci(&["run", "-w", home, "--", "true"]);
    assert!(
        out.stderr.contains(&format!("error: cannot mount {home} into a container: containers never see it")),
        "{out}"
    );
    assert!(out.stderr.contains("--workspace PATH"), "{out}");
    let mut at_home = host.cci_command(&["run", "--", "true"]);
    at_home.current_dir(&host.home);
    let out = crate::support::host::run(at_home, b"");
    assert!(out.code == 2 && out.stderr.contains("containers never see it"), "`cd ~ && cci run`: {out}");
    assert_eq!(host.containers(), Vec::<String>::new());
    assert_eq!(host.sessions(), Vec::<String>::new());
}

#[test]
fn a_link_that_takes_the_workspaces_place_leads_nowhere() {
    let host = Host::live(U1234);
    let ssh = plant_key(&host);
    fs::remove_dir(&host.proj).unwrap();
    symlink(&ssh, &host.proj).unwrap();
    let mut there = host.cci_command(&["run", "-w", host.proj.to_str().unwrap(), "--", "cat", "id_ed25519"]);
    there.current_dir(host.home.parent().unwrap());
    let out = crate::support::host::run(there, b"");
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains("containers never see it") && out.stdout.is_empty(), "{out}");
}

#[test]
fn a_link_that_another_container_planted_makes_no_workspace() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--background", "--debug"]).ok();
    symlink(host.dir("documents"), host.proj.join("sub")).unwrap();
    for words in [&["run", "-w", "sub", "--", "true"][..], &["run", "--mount", "../proj/sub:/data", "--", "true"]] {
        let mut command = host.cci_command(words);
        command.current_dir(if words.contains(&"-w") { host.proj.clone() } else { host.dir("elsewhere") });
        let out = crate::support::host::run(command, b"");
        assert_eq!(out.code, 2, "{words:?}: {out}");
        assert!(out.stderr.contains("it leads out of the workspace"), "{words:?}: {out}");
    }
}

#[test]
fn a_workspace_behind_a_link_is_listed_with_the_place_that_is_mounted() {
    let host = Host::live(U1234);
    let (real, link) = (host.dir("real"), host.home.join("link"));
    symlink(&real, &link).unwrap();
    host.cci(&["shell", "--background", "--debug", "-w", link.to_str().unwrap()]).ok();
    let text = host.cci(&["list"]).ok().stdout;
    let shown = format!("    Workspace: {} -> {}\n", link.display(), real.display());
    assert!(text.contains(&shown), "{text}");
    let json: serde_json::Value = serde_json::from_str(&host.cci(&["list", "--format", "json"]).ok().stdout).unwrap();
    let one = &json["active_containers"][0];
    assert_eq!(one["workspace"], link.to_str().unwrap());
    assert_eq!(one["workspace_target"], real.to_str().unwrap());
}
