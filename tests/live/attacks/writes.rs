//! Verbs that write to the host, or read from it: no link that an agent planted leads them out of a workspace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;
use std::time::Duration;

use super::{SECRET, flipping, inside, plant_key};
use crate::support::host::{Host, U1234};
use crate::support::screen::Screen;

/// A session whose agent has planted a link to where the host starts programs from, and one to the user's keys.
fn planted() -> (Host, String) {
    let host = Host::live(U1234);
    let (autostart, ssh) = (host.dir("home/.config/autostart"), plant_key(&host));
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let plant = |target: &Path, link: &str| {
        symlink(target, host.proj.join(link)).unwrap();
        lchown(host.proj.join(link), Some(1234), Some(U1234.gid())).unwrap();
    };
    plant(&autostart, "out");
    plant(&ssh, "key");
    plant(&ssh.join("id_ed25519"), "script");
    inside(&host, &name, "mkdir -p /srv/tree && echo evil >/srv/tree/evil.desktop");
    (host, name)
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn a_pull_follows_no_planted_link_out_of_the_workspace() {
    let (host, name) = planted();
    let autostart = host.home.join(".config/autostart");
    let file = format!("{name}:/srv/tree/evil.desktop");
    let tree = format!("{name}:/srv/tree");
    fs::create_dir(host.proj.join("deep")).unwrap();
    symlink("../out", host.proj.join("deep/again")).unwrap();
    for words in [
        &["file", "pull", &file, "./out"][..],
        &["file", "pull", &file, "./out/"],
        &["file", "pull", &file, "out/evil.desktop"],
        &["file", "pull", &file, "deep/again"],
        &["file", "pull", "-r", &tree, "out"],
        &["file", "pull", "-r", &tree, "out/new"],
    ] {
        let out = host.cci(words);
        assert_eq!(out.code, 2, "{words:?}: {out}");
        assert!(out.stderr.contains("it leads out of the workspace"), "{words:?}: {out}");
    }
    // from elsewhere too: the workspace is known as that of a container, and afterwards as that of a conversation
    let outside = host.proj.join("out");
    let elsewhere = |host: &Host| {
        let mut command = host.cci_command(&["file", "pull", &file, outside.to_str().unwrap()]);
        command.current_dir(&host.home);
        crate::support::host::run(command, b"")
    };
    let out = elsewhere(&host);
    assert!(out.code == 2 && out.stderr.contains("it leads out of the workspace"), "{out}");
    assert_eq!(entries(&autostart), 0);
    // a link that stays inside, one that the person made elsewhere, and a place next to the workspace are what they are
    fs::create_dir(host.proj.join("results")).unwrap();
    symlink("results", host.proj.join("inside")).unwrap();
    for dir in [host.proj.join("results"), host.dir("other")] {
        lchown(&dir, Some(1234), Some(U1234.gid())).unwrap();
    }
    host.cci(&["file", "pull", &file, "inside"]).ok();
    host.cci(&["file", "pull", &file, "../other"]).ok();
    symlink(host.dir("other"), host.home.join("mine")).unwrap();
    host.cci(&["file", "pull", "-r", &tree, host.home.join("mine").to_str().unwrap()]).ok();
    assert!(host.proj.join("results/evil.desktop").exists() && host.dir("other/tree").join("evil.desktop").exists());
    // a link under the very name is replaced, and what it led to stays
    fs::write(autostart.join("evil.desktop"), "good").unwrap();
    symlink(autostart.join("evil.desktop"), host.proj.join("evil.desktop")).unwrap();
    host.cci(&["file", "pull", &file, "evil.desktop"]).ok();
    assert_eq!(fs::read_to_string(autostart.join("evil.desktop")).unwrap(), "good");
    assert!(!host.proj.join("evil.desktop").is_symlink());
}

#[test]
fn a_link_in_a_mount_leads_out_no_more_than_one_in_a_workspace() {
    let host = Host::live(U1234);
    let (shared, ssh, autostart) = (host.dir("home/shared"), plant_key(&host), host.dir("home/.config/autostart"));
    let plant = "ln -s $OUT /shared/out; ln -s $IN /shared/in; echo evil >/tmp/evil.desktop";
    let (out, key) = (format!("OUT={}", autostart.display()), format!("IN={}", ssh.display()));
    let mount = format!("{}:/shared", shared.display());
    let run = ["run", "--mount", &mount, "-e", &out, "-e", &key, "--", "sh", "-c", plant];
    host.cci(&run).ok();
    host.wait_until_gone();
    // the container that had the mount is gone by then
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    inside(&host, &name, "echo evil >/tmp/evil.desktop");
    let (file, to) = (format!("{name}:/tmp/evil.desktop"), format!("{name}:/tmp/key"));
    for words in [
        &["file", "pull", &file, "../home/shared/out/"][..],
        &["file", "push", "../home/shared/in/id_ed25519", &to],
        &["container", "mount", &name, "d", "../home/shared/out", "/data"],
        &["run", "--mount", "../home/shared/out:/data", "--", "true"],
        &["run", "-w", "../home/shared/out", "--", "true"],
    ] {
        let out = host.cci(words);
        assert_eq!(out.code, 2, "{words:?}: {out}");
        assert!(out.stderr.contains("it leads out of the workspace or mount"), "{words:?}: {out}");
    }
    assert_eq!(entries(&autostart), 0);
}

#[test]
fn a_directory_that_becomes_a_link_during_a_pull_leads_nowhere() {
    let (host, name) = planted();
    let autostart = host.home.join(".config/autostart");
    let results = host.proj.join("results");
    fs::create_dir(&results).unwrap();
    lchown(&results, Some(1234), Some(U1234.gid())).unwrap();
    let file = format!("{name}:/srv/tree/evil.desktop");
    let mut pulled = 0;
    flipping(&results, &autostart, || {
        for _ in 0..25 {
            pulled += u32::from(host.cci(&["file", "pull", &file, "results/evil.desktop"]).code == 0);
        }
    });
    assert_eq!(entries(&autostart), 0, "{pulled} pulls went through");
}

#[test]
fn nothing_behind_a_planted_link_is_read_into_a_container() {
    let (host, name) = planted();
    let to = format!("{name}:/srv/");
    for words in [
        &["file", "push", "script", &to][..],
        &["file", "push", "key/id_ed25519", &to],
        &["file", "push", "-r", "key", &to],
        &["file", "push", "-r", "key/.", &to],
        &["build", "custom", "never", "--script", "script"],
    ] {
        let out = host.cci(words);
        assert_eq!(out.code, 2, "{words:?}: {out}");
        assert!(out.stderr.contains("it leads out of the workspace"), "{words:?}: {out}");
    }
    let found = inside(&host, &name, &format!("grep -rl \"{SECRET}\" /srv || echo none"));
    assert_eq!(found.as_deref(), Some("none"));
}

#[test]
fn the_editor_is_not_sent_through_a_link() {
    let host = Host::live(U1234);
    let profile = host.home.join(".profile");
    fs::write(&profile, "mine\n").unwrap();
    symlink(&profile, host.proj.join(".cci.toml")).unwrap();
    let editor = host.home.join("editor");
    fs::write(&editor, "#!/bin/sh\necho evil >\"$1\"\n").unwrap();
    fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
    let screen = Screen::open(&host);
    screen.enter(&format!("EDITOR={} cci config edit --project; printf 'ended:%s\\n' $?", editor.display()));
    let shown = screen.wait_for("ended:2", Duration::from_secs(20));
    assert!(shown.contains("is a link"), "{shown}");
    screen.close();
    assert_eq!(fs::read_to_string(&profile).unwrap(), "mine\n");
}
