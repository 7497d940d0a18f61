//! `--env-file`, without Incus: what is refused, and that no value is ever shown.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::host;
use crate::support::host::{Output, run};

#[track_caller]
fn refused(out: &Output, text: &str) {
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains(text), "{text}: {out}");
    assert!(!out.to_string().contains("s3cret"), "{out}");
}

#[test]
fn what_is_wrong_in_a_file_is_told_by_its_line_and_never_by_its_value() {
    let host = host();
    let file = host.home.join("tokens");
    let path = file.to_str().unwrap();
    for text in ["A=1\nB C=s3cret\n", "A=1\nsk-s3cret\n", "A=1\nB=s3cret\0\n"] {
        fs::write(&file, text).unwrap();
        refused(&host.cci(&["run", "--env-file", path, "--", "true"]), &format!("--env-file: {path}:2: "));
        let stdin = ["shell", "--background", "--env-file", "-"];
        refused(&host.cci_with(&stdin, &[], text.as_bytes()), "--env-file: the standard input:2: ");
    }
    refused(&host.cci(&["run", "--env-file", "missing", "--", "true"]), "--env-file: missing: No such file");
    refused(&host.cci(&["run", "--env-file", "-", "--env-file", "-", "--", "true"]), "can be given once");
    fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    refused(&host.cci(&["run", "--env-file", path, "--", "true"]), "is larger than 1024 KiB");
}

#[test]
fn a_link_in_the_workspace_leads_no_env_file_out_of_it() {
    let host = host();
    fs::write(host.home.join("secret"), "TOKEN=s3cret\n").unwrap();
    symlink(host.home.join("secret"), host.proj.join(".env")).unwrap();
    symlink(&host.home, host.proj.join("dir")).unwrap();
    for file in [".env", "./.env", "dir/secret", "../proj/.env"] {
        let out = host.cci(&["run", "--env-file", file, "--", "true"]);
        refused(&out, "it is in the workspace, and a link leads out of it");
    }
    // a link to the workspace's own, and a file elsewhere, are read: what fails then is that there is no Incus
    fs::write(host.proj.join("own"), "A=1\n").unwrap();
    symlink("own", host.proj.join("alias")).unwrap();
    for file in ["alias", "../home/secret"] {
        let out = host.cci(&["run", "--env-file", file, "--", "true"]);
        assert_eq!(out.code, 125, "{file}: {out}");
    }
}

#[test]
fn a_value_that_is_not_utf8_is_named_and_not_left_out() {
    let host = host();
    let file = host.home.join("names");
    fs::write(&file, "ODD\n").unwrap();
    let from_file = ["--env-file", file.to_str().unwrap()];
    for given in [["-e", "ODD"], from_file] {
        let args = [&["run"], &given[..], &["--", "true"]].concat();
        let mut command = host.cci_command(&args);
        command.env("ODD", OsStr::from_bytes(b"s3cret\xe9"));
        let out = run(command, b"");
        refused(&out, "cannot pass on ODD: its value is not UTF-8");
    }
}
