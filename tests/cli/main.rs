//! The binary without Incus: what is said, where it is said, and the exit status, as whole snapshots.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod config;

use support::host::{Host, Output, ROOT};

/// An output with what differs from host to host taken out.
fn shown(host: &Host, out: &Output) -> String {
    let dir = host.proj.parent().unwrap().display().to_string();
    out.to_string().replace(&dir, "$DIR")
}

fn host() -> Host {
    Host::new(ROOT).at_socket("/nonexistent/unix.socket")
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
fn help_goes_to_stdout_and_names_every_verb() {
    let out = host().cci(&["--help"]).ok();
    for verb in ["shell", "run", "attach", "list", "info", "persist", "shutdown", "kill", "clean", "tmux", "version"] {
        assert!(out.stdout.contains(&format!("\n  {verb} ")), "{verb} is missing in {out}");
    }
    for heading in ["Usage:", "Flags:", "Commands:", "Examples:"] {
        assert!(out.stdout.contains(heading), "{heading} is missing in {out}");
    }
}

#[test]
fn every_verb_has_examples() {
    for verb in ["shell", "run", "attach", "list", "info", "persist", "shutdown", "kill", "clean", "tmux"] {
        let out = host().cci(&[verb, "--help"]).ok();
        assert!(out.stdout.contains("Examples:"), "{verb}: {out}");
        assert!(out.stdout.contains("Usage: cci"), "{verb}: {out}");
    }
}

#[test]
fn an_unknown_verb_names_the_closest() {
    says!(["shel"]);
}

#[test]
fn an_unknown_flag_names_the_closest() {
    says!(["list", "--runing"]);
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

#[test]
fn no_colour_reaches_a_pipe() {
    for args in [&["list"][..], &["--help"], &["nonsense"]] {
        let out = host().cci(args);
        assert!(!out.stdout.contains('\x1b') && !out.stderr.contains('\x1b'), "{out}");
    }
}
