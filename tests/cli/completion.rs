//! `cci completion` as a shell uses it: verbs, flags, values, profiles; and no output if Incus is down.

use super::host;
use crate::support::completion::offered;
use crate::support::host::run;

#[test]
fn every_shell_gets_a_script_that_asks_cci() {
    let host = host();
    std::fs::write(host.proj.join(".cci.toml"), "broken = [").unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let out = host.cci(&["completion", shell]).ok();
        assert!(out.stdout.contains("CCI_COMPLETE") && out.stdout.contains(shell), "{out}");
        assert_eq!(out.stderr, "", "{out}");
    }
}

#[test]
fn bash_offers_what_can_be_typed() {
    let host = host();
    let script = host.cci(&["completion", "bash"]).ok().stdout;
    let shell = format!(
        "{script}
        COMP_WORDS=(cci image l) COMP_CWORD=2 COMP_TYPE=9
        _clap_complete_cci cci l image
        printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut command = host.command("bash");
    command.args(["-c", &shell]);
    let out = run(command, b"").ok();
    assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("list\n", ""));
}

#[test]
fn verbs_flags_and_values_are_offered() {
    let host = host();
    assert_eq!(offered(&host, &["im"]), ["image", "images"]);
    assert_eq!(offered(&host, &["image", "pub"]), ["publish"]);
    assert_eq!(offered(&host, &["list", "--ru"]), ["--running"]);
    assert_eq!(offered(&host, &["image", "list", "--format", ""]), ["table", "json"]);
    assert_eq!(offered(&host, &["schema", "image-l"]), ["image-list"]);
    assert_eq!(offered(&host, &["shell", "--profile", "har"]), ["hardened"]);
    assert_eq!(offered(&host, &["profile", "show", "py"]), ["python"]);
}

#[test]
fn names_are_silent_when_incus_is_down_or_a_file_is_broken() {
    let host = host();
    for broken in [false, true] {
        if broken {
            std::fs::write(host.proj.join(".cci.toml"), "broken = [").unwrap();
        }
        for line in
            [&["kill", ""][..], &["attach", ""], &["image", "delete", ""], &["info", ""], &["shell", "--image", ""]]
        {
            // flags are known without Incus
            let names: Vec<String> = offered(&host, line).into_iter().filter(|word| !word.starts_with('-')).collect();
            assert_eq!(names, [""; 0], "{line:?}");
        }
    }
}
