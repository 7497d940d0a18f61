//! A project file written by an agent: it keeps nobody from stopping what runs.

use std::fs;

use crate::support::host::{Host, U1234};

#[test]
fn a_damaged_project_file_keeps_nobody_from_ending_what_runs() {
    let host = Host::live(U1234);
    for damage in ["x=[", "\0\u{fffd}"] {
        host.cci(&["shell", "--background", "--debug"]).ok();
        let name = host.only_container();
        fs::write(host.proj.join(".cci.toml"), damage).unwrap();
        host.cci(&["tmux", "capture", &name]).ok();
        host.cci(&["container", "exec", &name, "--", "true"]).ok();
        let out = host.cci(&["kill", "--all", "--force"]).ok();
        assert!(out.stderr.contains("the project's configuration is left out"), "{out}");
        assert_eq!(host.containers(), Vec::<String>::new());
        fs::remove_file(host.proj.join(".cci.toml")).unwrap();
    }
}

#[test]
fn no_project_file_keeps_the_user_from_what_runs() {
    let host = Host::live(U1234);
    for (text, says) in [
        ("network.mode = \"open\"\n", "network.mode is refused from a project file"),
        ("tool.binary = \"/workspace/evil\"\n", "tool.binary"),
    ] {
        host.cci(&["shell", "--background", "--debug"]).ok();
        let name = host.only_container();
        fs::write(host.proj.join(".cci.toml"), text).unwrap();
        let out = host.cci(&["list"]).ok();
        assert!(out.stdout.contains(&name), "{out}");
        assert!(out.stderr.contains("the project's configuration is left out") && out.stderr.contains(says), "{out}");
        host.cci(&["tmux", "capture", &name]).ok();
        host.cci(&["info"]).ok();
        host.cci(&["container", "exec", &name, "--", "true"]).ok();
        host.cci(&["kill", &name]).ok();
        // what would start with it is refused as ever
        let out = host.cci(&["run", "--", "true"]);
        assert!(out.code == 2 && out.stderr.contains(says), "{out}");
        assert_eq!(host.containers(), Vec::<String>::new());
        fs::remove_file(host.proj.join(".cci.toml")).unwrap();
    }
}
