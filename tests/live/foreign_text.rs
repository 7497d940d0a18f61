//! Names that would control the terminal: every verb that prints them escapes them, and JSON returns them unchanged.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::time::Duration;

use crate::support::completion::offered;
use crate::support::host::{Host, Output, U1234, incus};
use crate::support::printed::{HOSTILE, SHOWN, is_harmless, quoted};
use crate::support::screen::Screen;
use crate::support::wait;

/// A host that works in a directory of a hostile name.
fn in_a_hostile_directory() -> Host {
    let mut host = Host::live(U1234);
    host.proj = host.dir(HOSTILE);
    host
}

/// What is said is harmless, whatever came of it.
#[track_caller]
fn says(host: &Host, args: &[&str]) -> Output {
    let out = host.cci(args);
    is_harmless(&out);
    out
}

/// The same, and the name is in it.
#[track_caller]
fn shows(host: &Host, args: &[&str]) -> Output {
    let out = says(host, args);
    assert!(out.stdout.contains(SHOWN) || out.stderr.contains(SHOWN), "{args:?} does not show it: {out}");
    out
}

#[track_caller]
fn json(host: &Host, args: &[&str]) -> serde_json::Value {
    let out = says(host, args).ok();
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn every_verb_shows_a_hostile_workspace_and_obeys_none() {
    let mut host = in_a_hostile_directory();
    let workspace = host.proj.to_str().unwrap().to_owned();
    let started = says(&host, &["shell", "--debug", "--background"]).ok();
    let name = started.stdout.split(' ').next().unwrap().to_owned();
    for args in
        [&["list"][..], &["list", "--all"], &["info"], &["config", "path"], &["-vvv", "list"], &["--timing", "list"]]
    {
        shows(&host, args);
    }
    for args in
        [&["attach"][..], &["tmux", "list"], &["network", "show", &name], &["config", "show", "--origin"], &["doctor"]]
    {
        says(&host, args);
    }
    shows(&host, &["run", "--workspace", "nowhere", "--", "true"]);
    shows(&host, &["run", "--mount", "./nowhere:/x", "--", "true"]);

    let listed = json(&host, &["list", "--all", "--format=json"]);
    for one in [&listed["active_containers"][0], &listed["saved_sessions"][0]] {
        assert_eq!(one["workspace"], workspace.as_str());
    }
    assert_eq!(json(&host, &["info", "--format=json"])["workspace"], workspace.as_str());
    let about = host.cci_command(&["--", "cci", "info", ""]);
    is_harmless(&in_fish(about));

    says(&host, &["persist", &name]).ok();
    says(&host, &["shutdown", &name]).ok();
    says(&host, &["kill", &name, HOSTILE]);
    shows(&host, &["tmux", "capture", HOSTILE]);
    shows(&host, &["clean", "--sessions", "--dry-run"]);
    let old = json(&host, &["clean", "--sessions", "--dry-run", "--format=json"]);
    assert_eq!(old["sessions"][0]["workspace"], workspace.as_str());
    let session = host.sessions().remove(0);
    host.proj = host.dir("elsewhere");
    shows(&host, &["shell", "--background", &format!("--resume={session}")]);
}

/// What fish is offered, with what is said of each.
fn in_fish(mut command: Command) -> Output {
    command.env("CCI_COMPLETE", "fish");
    crate::support::host::run(command, b"").ok()
}

#[test]
fn a_hostile_configuration_is_shown_and_not_obeyed() {
    let host = in_a_hostile_directory();
    let own = host.home.join(".config/cci/config.toml");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    let quoted = quoted();
    fs::write(&own, format!("[tool]\nargs = [{quoted}]\n[defaults.environment]\nX = {quoted}\n")).unwrap();
    let shown = says(&host, &["config", "show", "--origin"]).ok().stdout;
    assert!(shown.contains("\\u202e"), "{shown}");
    let values = json(&host, &["config", "show", "--format=json"]);
    assert_eq!(
        (&values["tool"]["args"][0], &values["defaults"]["environment"]["X"]),
        (&HOSTILE.into(), &HOSTILE.into())
    );
    shows(&host, &["run", "--image", HOSTILE, "--", "true"]);

    let project = host.proj.join(".cci.toml");
    fs::write(&project, format!("[{quoted}]\nx = 1\n")).unwrap();
    chown(&project, Some(host.user.uid), Some(host.user.gid())).unwrap();
    for args in [
        &["config", "check"][..],
        &["list"],
        &["config", "trust"],
        &["config", "trust", "--list"],
        &["config", "check"],
    ] {
        says(&host, args);
    }
    shows(&host, &["config", "check"]);
    let error: serde_json::Value =
        serde_json::from_str(&says(&host, &["config", "check", "--format=json"]).stderr).unwrap();
    assert!(error["error"]["message"].as_str().unwrap().contains(SHOWN), "{error}");
}

/// An image of one file whose alias and description are hostile, removed at the end.
struct HostileImage {
    alias: String,
    /// By its alias the Incus client would not find it: a colon names a remote there.
    fingerprint: String,
}

impl HostileImage {
    fn new(host: &Host) -> Self {
        let dir = host.dir("image");
        fs::create_dir(dir.join("rootfs")).unwrap();
        let text = quoted();
        let yaml = format!("architecture: x86_64\ncreation_date: 1\nproperties:\n  description: {text}\n");
        fs::write(dir.join("metadata.yaml"), yaml).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["-cf", "image.tar", "metadata.yaml", "rootfs"]).current_dir(&dir);
        crate::support::host::run(tar, b"").ok();
        let alias = format!("{}{HOSTILE}", host.prefix);
        let file = dir.join("image.tar").display().to_string();
        let said = incus(&["image", "import", &file, "--project", &host.project, "--alias", &alias]);
        let fingerprint = said.rsplit(' ').next().unwrap().trim().to_owned();
        assert_eq!(fingerprint.len(), 64, "{said:?}");
        Self { alias, fingerprint }
    }
}

impl Drop for HostileImage {
    fn drop(&mut self) {
        let _ = Command::new("incus").args(["image", "delete", &self.fingerprint]).output();
    }
}

#[test]
fn a_hostile_image_is_shown_and_not_offered() {
    let host = Host::live(U1234);
    let image = HostileImage::new(&host);
    let listed = shows(&host, &["image", "list", "--prefix", &host.prefix]).ok();
    assert_eq!(listed.stdout.matches(SHOWN).count(), 2, "alias and description: {listed}");
    let images = json(&host, &["image", "list", "--prefix", &host.prefix, "--format=json"]);
    assert_eq!((&images[0]["aliases"][0], &images[0]["description"]), (&image.alias.as_str().into(), &HOSTILE.into()));
    let names = offered(&host, &["image", "delete", ""]);
    assert!(!names.iter().any(|name| name.starts_with(&host.prefix) || name.contains("fake: ")), "{names:?}");
    shows(&host, &["image", "delete", &image.alias]).ok();
}

#[test]
fn files_of_hostile_names_are_shown_as_they_come_and_go() {
    let host = Host::live(U1234);
    let name = super::container::launched(&host);
    let file = host.proj.join(HOSTILE);
    fs::write(&file, "content").unwrap();
    let to = format!("{name}:/srv/");
    shows(&host, &["file", "push", HOSTILE, &to]).ok();
    let from = format!("{name}:/srv/{HOSTILE}");
    fs::remove_file(&file).unwrap();
    shows(&host, &["file", "pull", &from, "."]).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), "content");
    shows(&host, &["file", "pull", &format!("{from}x"), "."]);
    shows(&host, &["file", "push", &format!("{HOSTILE}x"), &to]);
    // a tree with what is left out, and a message that the container wrote
    let script = "mkdir -p \"/srv/d/$1\" && ln -s / \"/srv/d/$1/link\" && mkfifo \"/srv/d/$1/pipe\"";
    host.cci(&["container", "exec", &name, "--", "sh", "-c", script, "sh", HOSTILE]).ok();
    shows(&host, &["file", "pull", "-r", &format!("{name}:/srv/d"), "got"]).ok();
    host.cci(&["container", "stop", "--force", &name]).ok();
    shows(&host, &["file", "pull", &format!("{from}x"), "."]);
    shows(&host, &["file", "push", HOSTILE, &format!("{name}:/nowhere/{HOSTILE}")]);
    shows(&host, &["file", "pull", "-r", &format!("{name}:/srv/d"), "again"]).ok();
}

#[test]
fn a_pane_steers_no_terminal_unless_its_colours_are_asked_for() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--debug", "--background"]).ok();
    let name = host.only_container();
    host.cci(&["tmux", "send", &name, "printf '\\033[31mred\\033[0m a\\342\\200\\256b END%s' 1"]).ok();
    let pane = wait::until("the pane shows it", Duration::from_secs(30), || {
        let out = host.cci(&["tmux", "capture", &name]);
        if out.stdout.contains("END1") { Ok(out) } else { Err(out.to_string()) }
    });
    is_harmless(&pane);
    let raw = host.cci(&["tmux", "capture", &name, "--ansi"]).ok();
    assert!(raw.stdout.contains("\u{1b}[31m"), "{raw:?}");
    // what a command prints is its own, byte for byte
    let out = host.cci(&["container", "exec", &name, "--", "printf", "\\033[1m\\342\\200\\256\\377"]).ok();
    assert_eq!(out.raw, b"\x1b[1m\xe2\x80\xae\xff");
    let out = host.cci(&["container", "exec", "--capture", "--format=raw", &name, "--", "printf", "\\033\\377"]).ok();
    assert_eq!(out.raw, b"\x1b\xff");
    let kept = json(&host, &["container", "exec", "--capture", &name, "--", "printf", "\\033\\177\\342\\200\\256"]);
    assert_eq!(kept["stdout"], "\u{1b}\u{7f}\u{202e}");
}

#[test]
fn on_a_terminal_too_a_name_sets_no_title() {
    let host = in_a_hostile_directory();
    host.cci(&["shell", "--debug", "--background"]).ok();
    let screen = Screen::open(&host);
    screen.enter("clear; cci list --all");
    screen.wait_for(r"\u{1b}]0;x\u{7}\u{202e}txt\nfake: ", Duration::from_secs(30));
}
