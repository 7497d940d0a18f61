//! Another user of the host, and a session's container: no verb that takes its name acts on it.

use std::fs;

use super::{inside, state};
use crate::support::host::{Host, ROOT, U1000, U1234, incus};

#[test]
fn no_verb_of_a_neighbour_acts_on_a_sessions_container() {
    let host = Host::live(U1234);
    fs::write(host.proj.join("own"), "mine").unwrap();
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let neighbour = host.with_user(U1000);
    let (file, place) = (neighbour.home.join("planted"), format!("{name}:/workspace/own"));
    fs::write(&file, "planted").unwrap();
    let (file, pulled) = (file.to_str().unwrap(), neighbour.home.join("pulled"));
    let (pulled, home) = (pulled.to_str().unwrap(), neighbour.dir("home/shared"));
    for words in [
        &["container", "exec", &name, "--", "touch", "/workspace/by-exec"][..],
        &["container", "exec", "--user", "code", &name, "--", "touch", "/workspace/by-exec"],
        &["container", "exec", "--user", "daemon", &name, "--", "touch", "/workspace/by-exec"],
        &["container", "exec", "--capture", &name, "--", "cat", "/workspace/own"],
        &["container", "stop", &name],
        &["container", "stop", "--force", &name],
        &["container", "start", &name],
        &["container", "delete", &name],
        &["container", "delete", "--force", &name],
        &["container", "mount", &name, "d", home.to_str().unwrap(), "/data"],
        &["file", "pull", &place, pulled],
        &["file", "push", file, &place],
        &["image", "publish", &name, "stolen"],
        &["kill", &name],
        &["kill", "--force", &name],
        &["shutdown", &name],
        &["persist", &name],
        &["attach", &name],
        &["tmux", "send", &name, "touch /workspace/by-tmux"],
        &["tmux", "capture", &name],
        &["network", "show", &name],
    ] {
        let out = neighbour.cci(words);
        let own_failure = if words[..2] == ["container", "exec"] { 125 } else { 1 };
        assert_eq!(out.code, own_failure, "{words:?}: {out}");
        assert!(out.stderr.contains(&format!("container {name} belongs to user 1234")), "{words:?}: {out}");
        assert!(!out.stdout.contains("mine"), "{words:?}: {out}");
    }
    for words in [["container", "exists", &name], ["container", "running", &name]] {
        let out = neighbour.cci(&words);
        assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (1, "", ""), "{words:?}");
    }
    assert_eq!(state(&host, &name), "RUNNING");
    assert_eq!(fs::read_to_string(host.proj.join("own")).unwrap(), "mine");
    let left: Vec<_> = fs::read_dir(&host.proj).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["own"]);
    assert!(!std::path::Path::new(pulled).exists());
    assert_eq!(neighbour.cci(&["image", "exists", "stolen"]).code, 1);
    // who says so, or is root, may; and the owner as ever
    let ask = ["--any-owner", "--", "cat", "/workspace/own"];
    let out = neighbour.cci(&[&["container", "exec", &name][..], &ask].concat()).ok();
    assert_eq!(out.stdout, "mine");
    neighbour.cci(&["container", "exists", "--any-owner", &name]).ok();
    let root = host.with_user(ROOT);
    assert_eq!(root.cci(&["container", "exec", &name, "--", "cat", "/workspace/own"]).ok().stdout, "mine");
    assert_eq!(host.cci(&["container", "exec", &name, "--", "cat", "/workspace/own"]).ok().stdout, "mine");
}

#[test]
fn labels_that_do_not_say_whose_a_container_is_make_it_nobodys() {
    let host = Host::live(U1234);
    let name = super::super::container::launched(&host);
    let set = |key: &str| incus(&["config", "set", "--project", &host.project, &name, key]);
    for crafted in
        ["user.cci.owner-uid=somebody", "user.cci.owner-uid=", "user.cci.managed=false", "user.cci.owner-uid=0"]
    {
        set(crafted);
        let out = host.cci(&["container", "exec", &name, "--", "true"]);
        assert_eq!(out.code, 125, "{crafted}: {out}");
        assert!(out.stderr.contains("belongs to"), "{crafted}: {out}");
    }
    assert_eq!(host.cci(&["list"]).ok().stdout.matches(&name).count(), 0);
}

#[test]
fn a_container_without_labels_is_anybodys_who_may_use_the_socket() {
    let host = Host::live(U1234);
    let name = format!("{}foreign", host.prefix);
    let image = crate::support::base::foreign_image();
    incus(&["launch", "--project", &host.project, image, &name]);
    host.cci(&["container", "exec", &name, "--", "true"]).ok();
    let neighbour = host.with_user(U1000);
    neighbour.cci(&["container", "stop", "--force", &name]).ok();
    assert_eq!(state(&host, &name), "STOPPED");
    assert_eq!(inside(&host, &name, "true"), None);
}
