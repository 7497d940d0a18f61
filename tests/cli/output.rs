//! Where output goes and what it looks like: closed pipes, narrow terminals, no colour, another locale.

use std::process::Stdio;
use std::time::Duration;

use super::{Host, host};
use crate::support::host::{Output, run};
use crate::support::screen::Screen;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs cci with this as its stdout.
fn into(stdout: Stdio, args: &[&str]) -> Output {
    let host = host();
    let mut command = host.cci_command(args);
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let done = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    Output { code: done.status.code().unwrap_or(-1), stdout: String::new(), stderr, raw: Vec::new() }
}

#[test]
fn a_reader_that_has_gone_away_is_a_quiet_end() {
    for args in [&["config", "schema"][..], &["--help"], &["version"], &["completion", "bash"], &["schema", "list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let out = into(writer.into(), args);
        assert_eq!((out.code, out.stderr.as_str()), (0, ""), "{args:?}: {out}");
    }
}

#[test]
fn the_rest_of_a_pipe_may_stop_early() {
    let host = host();
    let mut command = host.command("bash");
    command.args(["-c", "cci config schema | head -1; echo \"${PIPESTATUS[@]}\""]);
    let out = run(command, b"").ok();
    assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("{\n0 0\n", ""));
}

#[test]
fn a_stdout_that_is_closed_is_no_failure() {
    let host = host();
    let mut command = host.command("bash");
    command.args(["-c", "cci version >&-"]);
    let out = run(command, b"").ok();
    assert_eq!(out.stderr, "");
}

#[test]
fn a_disk_that_is_full_is_one() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let out = into(full.into(), &["version"]);
    assert_eq!(out.code, 1, "{out}");
    assert_eq!(out.stderr, "error: cannot write to standard output: No space left on device (os error 28)\n");
}

#[test]
fn no_colour_reaches_a_pipe() {
    for args in [&["list"][..], &["--help"], &["nonsense"], &["image", "list"], &["schema"]] {
        let out = host().cci_with(args, &[("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1")], b"");
        assert!(!out.stdout.contains('\x1b') && !out.stderr.contains('\x1b'), "{out}");
    }
}

/// What a terminal gets from this line, with its escape sequences.
fn on_a_terminal(host: &Host, line: &str, until: &str) -> String {
    let screen = Screen::open(host);
    screen.enter(line);
    wait::until(line, PATIENCE, || {
        let text = screen.text();
        if text.contains(until) { Ok(()) } else { Err(text) }
    });
    screen.ansi()
}

#[test]
fn a_terminal_gets_colour_unless_it_is_unwanted() {
    let host = host();
    let coloured = |line: &str| on_a_terminal(&host, line, "hint: run").contains("\x1b[31merror:");
    let ansi = on_a_terminal(&host, "cci list", "hint: run");
    assert!(ansi.contains("31m") && ansi.contains("error:"), "{ansi:?}");
    for line in ["NO_COLOR=1 cci list", "cci --no-color list", "cci list --no-color", "TERM=dumb cci list"] {
        assert!(!coloured(line), "{line}");
        let ansi = on_a_terminal(&host, line, "hint: run");
        assert!(!ansi.contains('\x1b'), "{line}: {ansi:?}");
    }
}

#[test]
fn forty_columns_are_kept() {
    let host = host();
    for (line, first, last) in [
        ("clear; cci schema; echo DONE", "NAME", "DONE"),
        ("clear; cci image list --help; echo DONE", "Show", "DONE"),
        ("clear; cci --help; echo DONE", "Runs", "DONE"),
    ] {
        let screen = Screen::sized(&host, 40, 200);
        screen.enter(line);
        wait::until(line, PATIENCE, || {
            let lines = screen.logical_lines();
            if lines.iter().any(|line| line.trim_end() == last) { Ok(()) } else { Err(lines.join("\n")) }
        });
        let lines = screen.logical_lines();
        assert!(lines.iter().any(|line| line.starts_with(first)), "{lines:#?}");
        let wide: Vec<&String> = lines.iter().filter(|line| line.trim_end().chars().count() > 40).collect();
        assert!(wide.is_empty(), "{line}: {wide:#?}");
    }
}

#[test]
fn another_locale_changes_nothing_and_breaks_nothing() {
    for args in [&["--help"][..], &["list"], &["image", "cleanup", "--help"], &["schema"], &["profile", "list"]] {
        let usual = host().cci(args);
        for locale in ["C", "POSIX", "de_DE.ISO-8859-1", "nonsense"] {
            let other = host().cci_with(args, &[("LC_ALL", locale), ("LANG", locale)], b"");
            assert_eq!((other.code, &other.stdout, &other.stderr), (usual.code, &usual.stdout, &usual.stderr));
            assert!(other.stdout.is_ascii() && other.stderr.is_ascii(), "{other}");
        }
    }
}

#[test]
fn a_home_whose_name_is_not_ascii_is_shown_as_it_is() {
    let host = Host::hermetic();
    let home = host.dir("hörbücher ☃");
    let out = host.cci_with(&["config", "path"], &[("HOME", home.to_str().unwrap()), ("LC_ALL", "C")], b"").ok();
    assert!(out.stdout.contains("/hörbücher ☃/.config/cci/config.toml"), "{out}");
}

#[test]
fn verbose_goes_to_stderr_and_leaves_results_alone() {
    let plain = host().cci(&["list"]);
    let verbose = host().cci(&["-vvv", "list"]);
    assert_eq!((plain.code, &plain.stdout), (verbose.code, &verbose.stdout));
    assert!(verbose.stderr.len() > plain.stderr.len(), "{verbose}");
    assert!(verbose.stderr.contains("error: cannot reach Incus"), "{verbose}");
}
