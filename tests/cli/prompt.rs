//! The first prompt of `cci shell`: what is wrong with it is said before anything is launched, and it is never shown.

use std::fs;
use std::os::unix::fs::symlink;

use super::host;
use crate::support::host::{Host, Output};

/// What `shell --background` with these arguments and this input says.
fn shell(host: &Host, args: &[&str], stdin: &[u8]) -> Output {
    host.cci_with(&[&["shell", "--background"][..], args].concat(), &[], stdin)
}

#[track_caller]
fn refused(out: &Output, text: &str) {
    assert_eq!(out.code, 2, "{text}: {out}");
    assert!(out.stderr.contains(text) && !out.to_string().contains("s3cret"), "{text}: {out}");
    assert!(!out.stderr.contains("Incus"), "nothing was asked yet: {out}");
}

#[test]
fn what_is_wrong_with_a_prompt_is_said_with_its_place() {
    let host = host();
    let file = host.home.join("prompt");
    let path = file.to_str().unwrap();
    let cases: [(&[u8], &str); 5] = [
        (b"", "is empty"),
        (b" \n\t\n", "has nothing but blanks"),
        (b"s3cret\0", "has a NUL, at byte 6"),
        (b"s3cret \xff", "is not UTF-8, from byte 7 on"),
        (&vec![b's'; (1 << 20) + 1], "is larger than 1 MiB"),
    ];
    for (text, wrong) in cases {
        fs::write(&file, text).unwrap();
        refused(&shell(&host, &["--prompt-file", path], b""), &format!("the prompt from {path} {wrong}"));
        refused(&shell(&host, &["-"], text), &format!("the prompt from the standard input {wrong}"));
        refused(&shell(&host, &["--prompt-file", "-"], text), &format!("the prompt from the standard input {wrong}"));
    }
    for (words, wrong) in [(&[""][..], "is empty"), (&["", " "], "has nothing but blanks")] {
        refused(&shell(&host, words, b""), &format!("the prompt {wrong}"));
    }
    refused(&shell(&host, &["--prompt-file", "missing"], b""), "cannot be read from missing: No such file");
    refused(&shell(&host, &["--prompt-file", "."], b""), "cannot be read from .: Is a directory");
}

#[test]
fn what_excludes_a_prompt_is_named() {
    let host = host();
    refused(&shell(&host, &["a", "--prompt-file", "b"], b""), "cannot be used with");
    refused(&shell(&host, &["--debug", "s3cret"], b""), "--debug starts a shell");
    refused(&shell(&host, &["--env-file", "-", "-"], b"A=1\n"), "stdin is read once");
    refused(&host.cci(&["shell", "--tmux=false", "s3cret"]), "needs a terminal");
    refused(&shell(&host, &["--persistent", "true"], b""), "the value of a flag needs `=`");
    refused(&shell(&host, &["--attach-if-running", "--debug"], b""), "cannot be used with");
    refused(&shell(&host, &["--attach-if-running", "--fresh-creds"], b""), "cannot be used with");
    let id = "--resume=3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
    refused(&shell(&host, &["--attach-if-running", id], b""), "leave out --attach-if-running");
}

#[test]
fn a_link_in_the_workspace_leads_no_prompt_file_out_of_it() {
    let host = host();
    fs::write(host.home.join("key"), "s3cret").unwrap();
    symlink(host.home.join("key"), host.proj.join("prompt.md")).unwrap();
    for file in ["prompt.md", "./prompt.md", "../proj/prompt.md"] {
        refused(&shell(&host, &["--prompt-file", file], b""), "a link leads out of it");
    }
}

#[test]
fn a_prompt_that_is_one_gets_as_far_as_incus() {
    let host = host();
    fs::write(host.proj.join("prompt.md"), "fix it\n").unwrap();
    for (args, stdin) in [
        (&["fix", "the", "bug"][..], &b""[..]),
        (&["--", "--help"], b""),
        (&["--prompt-file", "prompt.md"], b""),
        (&["-"], b"fix it"),
        (&["--prompt-file", "-"], b"\xc3\xa4"),
    ] {
        let out = shell(&host, args, stdin);
        assert!(out.code == 1 && out.stderr.contains("Incus"), "{args:?}: {out}");
    }
}

#[test]
fn the_launcher_of_superset_calls_cci_with_the_prompt_as_it_is() {
    let host = host();
    let at = |name: &str| format!("{}/misc/superset/{name}", env!("CARGO_MANIFEST_DIR"));
    let bin = host.dir("bin");
    fs::write(bin.join("cci"), "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
    std::process::Command::new("chmod").arg("755").arg(bin.join("cci")).status().unwrap();
    let launched = |args: &[&str]| {
        let mut command = host.command(at("launch.sh"));
        command.args(args).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        crate::support::host::run(command, b"").ok().stdout
    };
    assert_eq!(launched(&[]), "<shell><--attach-if-running><-->");
    let odd = "it's \"$HOME\"\n`id` --x";
    assert_eq!(launched(&["--help", odd]), format!("<shell><--attach-if-running><--><--help><{odd}>"));
}
