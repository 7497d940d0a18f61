//! Where cci is called: what needs no workspace works anywhere.

use super::support::host::run;
use super::{Host, Output, host};

/// Runs lines of a shell in the project directory, with cci on the path.
fn in_shell(host: &Host, lines: &str) -> Output {
    let mut shell = host.command("sh");
    shell.args(["-c", lines]);
    run(shell, b"")
}

#[test]
fn what_needs_no_workspace_works_where_the_current_directory_was_removed() {
    let host = host();
    for verb in ["list", "kill c1", "attach", "image list", "tmux list", "tmux capture c1", "container running c1"] {
        let out = in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; cci {verb}"));
        assert!(out.stderr.starts_with("error: cannot reach Incus"), "{verb}: {out}");
    }
    for verb in ["config path", "config show", "config check", "version"] {
        let out = in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; unset PWD; cci {verb}"));
        assert_eq!(out.code, 0, "{verb}: {out}");
    }
}

#[test]
fn a_launch_in_a_removed_directory_says_so_and_how_to_name_one() {
    let host = host();
    let gone = host.proj.join("gone");
    for verb in ["run -- true", "shell --background", "-w . run -- true"] {
        for anew in ["", "mkdir ../gone;"] {
            let out =
                in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; {anew} cci {verb}; cd ..; rmdir gone"));
            let said =
                format!("error: cannot use workspace {}: the current directory no longer exists", gone.display());
            assert!(out.stderr.starts_with(&said), "{verb}: {out}");
            assert!(out.stderr.contains("hint: choose a directory with `--workspace PATH`"), "{verb}: {out}");
        }
    }
    let proj = host.proj.display();
    let out = in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; cci -w {proj} run -- true"));
    assert!(out.stderr.starts_with("error: cannot reach Incus"), "{out}");
}

#[test]
fn nothing_is_written_at_the_name_of_a_removed_directory() {
    let host = host();
    for verb in ["config init --project", "reclaim"] {
        let out = in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; cci {verb}"));
        assert!(out.code != 0 && out.stderr.contains("the current directory no longer exists"), "{verb}: {out}");
        assert!(out.stderr.contains("hint: choose a directory with `--workspace PATH`"), "{verb}: {out}");
        assert!(!host.proj.join("gone").exists(), "{verb}");
    }
    let proj = host.proj.display();
    let out = in_shell(&host, &format!("mkdir gone; cd gone; rmdir ../gone; cci -w {proj} config init --project"));
    assert_eq!(out.code, 0, "{out}");
}
