//! The binary without Incus: output, stream and exit status, as whole snapshots.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod audit;
mod completion;
mod config;
mod env_file;
mod foreign_text;
mod help;
mod install;
mod login;
mod login_renewal;
mod output;
mod place;
mod prompt;
mod reference;
mod review;
mod schema;
mod secret;
mod supervisor;

use cci_test_support as support;
use support::host::{Host, Output};

/// An output with what differs from host to host taken out.
fn shown(host: &Host, out: &Output) -> String {
    let dir = host.proj.parent().unwrap().display().to_string();
    out.to_string().replace(&dir, "$DIR")
}

fn host() -> Host {
    Host::hermetic()
}

macro_rules! says {
    ($args:expr) => {{
        let host = host();
        let out = host.cci(&$args);
        insta::assert_snapshot!(shown(&host, &out));
    }};
}

#[test]
fn version_is_two_lines() {
    let out = host().cci(&["version"]).ok();
    let lines: Vec<&str> = out.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].starts_with("claude-code-isolated (cci) v0.1.0"), "{out}");
    assert!(lines[1].starts_with("https://"), "{out}");
    assert_eq!(host().cci(&["--version"]).ok().stdout, out.stdout);
}

#[test]
fn an_unknown_verb_names_the_closest() {
    says!(["shel"]);
}

#[test]
fn an_unknown_verb_below_another_names_the_closest() {
    says!(["image", "lst"]);
}

#[test]
fn an_unknown_verb_that_is_near_to_none() {
    says!(["frobnicate"]);
}

#[test]
fn an_unknown_flag_names_the_closest() {
    says!(["list", "--runing"]);
}

#[test]
fn an_unknown_global_flag_behind_a_verb_names_the_closest() {
    says!(["image", "list", "--worksapce", "x"]);
}

#[test]
fn a_wrong_table_format_lists_the_valid_ones() {
    says!(["image", "list", "--format", "xml"]);
}

#[test]
fn a_wrong_format_names_the_closest() {
    says!(["info", "--format=jsn"]);
}

#[test]
fn an_unknown_shell_lists_the_valid_ones() {
    says!(["completion", "tcsh"]);
}

#[test]
fn a_missing_argument() {
    says!(["image", "publish", "only-the-container"]);
}

#[test]
fn two_flags_that_exclude_each_other() {
    says!(["list", "--running", "--stopped"]);
}

#[test]
fn no_image_is_to_be_kept() {
    says!(["image", "cleanup", "cci-", "--keep", "0"]);
}

#[test]
fn an_image_name_that_cannot_be() {
    says!(["image", "publish", "c1", "images:mine"]);
}

#[test]
fn a_build_script_that_is_not_given() {
    says!(["build", "custom", "mine"]);
}

#[test]
fn an_image_is_not_told_to_be_missing_when_incus_is() {
    says!(["image", "exists", "cci"]);
}

#[test]
fn a_name_given_to_all() {
    says!(["kill", "--all", "cci-1"]);
}

#[test]
fn an_argument_that_is_not_utf8_is_refused_and_not_a_crash() {
    use std::os::unix::ffi::OsStrExt;

    let host = host();
    for (verb, word, said) in [
        ("list", &b"--f\xffmat"[..], "error: unexpected argument '--f\u{fffd}mat' found\n"),
        ("info", b"caf\xe9", "error: argument 'caf\\xe9' is not UTF-8\n"),
    ] {
        let mut command = host.cci_command(&[verb]);
        command.arg(std::ffi::OsStr::from_bytes(word));
        let out = support::host::run(command, b"");
        assert_eq!(out.code, 2, "{out}");
        assert!(out.stderr.starts_with(said), "{out}");
    }
}

#[test]
fn a_wrong_format_lists_the_valid_ones() {
    says!(["list", "--format", "xml"]);
}

#[test]
fn a_wrong_network_mode_lists_the_valid_ones() {
    says!(["list", "--network", "closed"]);
}

#[test]
fn a_container_by_its_name_and_by_a_slot() {
    says!(["attach", "cci-9c09f805-1", "--slot", "2"]);
}

#[test]
fn all_images_with_a_prefix_are_no_contradiction() {
    let out = host().cci(&["image", "list", "--all", "--prefix", "team-"]);
    assert!(out.code == 1 && out.stderr.contains("cannot reach Incus"), "{out}");
}

#[test]
fn a_slot_out_of_range() {
    says!(["shell", "--background", "--slot", "11"]);
}

#[test]
fn a_session_id_without_the_equals_sign() {
    says!(["shell", "--resume", "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f"]);
}

#[test]
fn a_shell_without_a_terminal() {
    says!(["shell"]);
}

#[test]
fn no_command_to_run() {
    says!(["run"]);
}

#[test]
fn incus_that_is_not_there() {
    says!(["list"]);
}

#[test]
fn an_error_as_json() {
    says!(["list", "--format", "json"]);
}

#[test]
fn a_usage_error_as_json() {
    says!(["list", "--format", "json", "--nonsense"]);
}

#[test]
fn cci_itself_fails_with_125_where_a_commands_status_is_passed_on() {
    says!(["run", "--", "true"]);
}

#[test]
fn kill_without_a_name() {
    says!(["kill"]);
}

#[test]
fn a_broken_configuration_is_named_and_version_works_all_the_same() {
    let host = host();
    std::fs::write(host.proj.join(".cci.toml"), "[defaults]\npersistant = true\n").unwrap();
    let out = host.cci(&["list"]);
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains(".cci.toml") && out.stderr.contains("persistant"), "{out}");
    host.cci(&["version"]).ok();
    host.cci(&["--help"]).ok();
}
