//! Names that would control the terminal, printed without Incus.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::host;
use crate::support::host::{Host, Output, run};
use crate::support::printed::{HOSTILE, SHOWN, is_harmless, quoted};

fn in_a_hostile_directory() -> Host {
    let mut host = host();
    host.proj = host.dir(HOSTILE);
    host
}

#[track_caller]
fn shows(host: &Host, args: &[&str]) -> Output {
    let out = host.cci(args);
    is_harmless(&out);
    assert!(out.stdout.contains(SHOWN) || out.stderr.contains(SHOWN), "{args:?} does not show it: {out}");
    out
}

#[test]
fn a_hostile_directory_is_shown_by_the_verbs_of_configuration() {
    let host = in_a_hostile_directory();
    shows(&host, &["config", "path"]).ok();
    shows(&host, &["config", "init", "--project"]).ok();
    shows(&host, &["config", "init", "--project"]);
    shows(&host, &["config", "check"]).ok();
    shows(&host, &["config", "trust"]).ok();
    shows(&host, &["config", "trust", "--revoke"]).ok();
    let json: serde_json::Value =
        serde_json::from_str(&shows_json(&host, &["config", "path", "--format=json"])).unwrap();
    assert_eq!(json[2]["path"], format!("{}/.cci.toml", host.proj.display()));
}

#[track_caller]
fn shows_json(host: &Host, args: &[&str]) -> String {
    let out = host.cci(args).ok();
    is_harmless(&out);
    out.stdout
}

#[test]
fn what_is_typed_comes_back_harmless_in_an_error() {
    let host = host();
    for args in [
        &[HOSTILE][..],
        &["list", "--format", HOSTILE],
        &["kill", HOSTILE],
        &["file", "push", HOSTILE, "x:/y"],
        &["run", "--network", HOSTILE, "--", "true"],
        &["profile", "show", HOSTILE],
        &["schema", HOSTILE],
    ] {
        let out = host.cci(args);
        is_harmless(&out);
        assert_ne!(out.code, 0, "{out}");
        assert!(out.stderr.starts_with("error: "), "{out}");
    }
    let out = host.cci(&["--profile", HOSTILE, "run", "--format=json", "--capture", "--", "true"]);
    is_harmless(&out);
    assert!(serde_json::from_str::<serde_json::Value>(&out.stderr).is_ok(), "{out}");
}

#[test]
fn a_hostile_file_is_told_with_its_place() {
    let host = host();
    fs::write(host.proj.join(".cci.toml"), format!("[defaults]\n{} = 1\nimage = {}\n", quoted(), quoted())).unwrap();
    shows(&host, &["config", "check"]);
    let out = host.cci(&["config", "check", "--format=json"]);
    is_harmless(&out);
    let error: serde_json::Value = serde_json::from_str(&out.stderr).unwrap();
    assert!(error["error"]["message"].as_str().unwrap().contains(SHOWN), "{out}");
}

#[test]
fn the_log_for_developers_is_one_line_an_event() {
    let host = host().at_socket(format!("/nonexistent/{HOSTILE}"));
    for args in [&["-vvv", "list"][..], &["--timing", "list"]] {
        let out = host.cci(args);
        is_harmless(&out);
        assert!(out.stderr.contains(SHOWN), "{out}");
    }
}

#[test]
fn a_file_of_a_hostile_name_is_not_offered() {
    let host = host();
    for name in [HOSTILE.as_bytes(), b"plain", "grüße".as_bytes(), b"raw-\x9b31m"] {
        fs::write(host.proj.join(Path::new(std::ffi::OsStr::from_bytes(name))), "").unwrap();
    }
    for (shell, ifs) in [("bash", "\u{b}"), ("zsh", "\n"), ("fish", "\n")] {
        let mut command = host.cci_command(&["--", "cci", "file", "push", ""]);
        command.env("CCI_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "3").env("_CLAP_IFS", ifs);
        let mut out = run(command, b"").ok();
        let offered: Vec<String> = out.stdout.split(ifs).map(str::to_owned).collect();
        assert!(offered.iter().any(|one| one == "plain") && offered.iter().any(|one| one == "grüße"), "{offered:?}");
        out.stdout = out.stdout.replace(ifs, " ");
        is_harmless(&out);
    }
}
