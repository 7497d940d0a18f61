//! `cci tmux`: text of any kind and length arrives as it is.

use std::time::Duration;

use crate::support::host::{Host, U1000, U1234};
use crate::support::wait;

/// A session in which a shell waits for input.
fn session(host: &Host) -> String {
    host.cci(&["shell", "--debug", "--background"]).ok();
    let name = host.only_container();
    shows(host, &name, "$");
    name
}

#[track_caller]
fn shows(host: &Host, name: &str, text: &str) -> String {
    wait::until(&format!("the pane shows {text:?}"), Duration::from_secs(30), || {
        let out = host.cci(&["tmux", "capture", name]);
        if out.stdout.contains(text) { Ok(out.stdout) } else { Err(out.to_string()) }
    })
}

#[test]
fn special_characters_arrive_unchanged() {
    let host = Host::live(U1234);
    let name = session(&host);
    host.cci(&["tmux", "send", &name, "cat > got"]).ok();
    let texts =
        ["$HOME `id` \"q\" 'q' \\n", "C-a", ";", "-leading", "Enter", "ümläut 漢字 🦀", "#{pane_id} %1", "two\nlines"];
    for text in texts {
        host.cci(&["tmux", "send", &name, "--", text]).ok();
    }
    host.cci(&["tmux", "send", &name, "--keys", "C-d"]).ok();
    let want = texts.join("\n") + "\n";
    wait::until("all of it is in the file", Duration::from_secs(20), || {
        let got = std::fs::read_to_string(host.proj.join("got")).unwrap_or_default();
        if got == want { Ok(()) } else { Err(got) }
    });
}

#[test]
fn a_hundred_kilobytes_in_one_call_arrive_whole() {
    let host = Host::live(U1000);
    let name = session(&host);
    host.cci(&["tmux", "send", &name, "stty -echo; cat > got; stty echo; echo DO''NE"]).ok();
    let lines: Vec<String> =
        (0..2000).map(|n| format!("line {n} with some words to make it longer than a word\n")).collect();
    let text = lines.concat();
    assert!(text.len() > 100_000);
    host.cci(&["tmux", "send", &name, "--no-enter", "--", &text]).ok();
    wait::until("all of it is in the file", Duration::from_secs(60), || {
        let got = std::fs::read_to_string(host.proj.join("got")).unwrap_or_default();
        if got == text { Ok(()) } else { Err(format!("{} of {} bytes", got.len(), text.len())) }
    });
    host.cci(&["tmux", "send", &name, "--keys", "C-d"]).ok();
    shows(&host, &name, "DONE");
}

#[test]
fn the_scrollback_can_be_captured() {
    let host = Host::live(U1000);
    let name = session(&host);
    host.cci(&["tmux", "send", &name, "seq 5000; echo ALL-DO''NE", "--wait=30"]).ok();
    shows(&host, &name, "ALL-DONE");
    let visible = host.cci(&["tmux", "capture", &name]).ok().stdout;
    assert!(!visible.contains("\n1000\n"), "{visible}");
    let all = host.cci(&["tmux", "capture", &name, "--all"]).ok().stdout;
    assert!(all.contains("\n1\n2\n") && all.contains("\n5000\n"), "{} lines", all.lines().count());
}

#[test]
fn a_container_that_does_not_run_or_is_not_there_is_named() {
    let host = Host::live(U1000);
    let out = host.cci(&["tmux", "send", "no-such", "x"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("error: container no-such not found"), "{out}");
    host.cci(&["shell", "--debug", "--background", "--persistent"]).ok();
    let name = host.only_container();
    crate::support::host::incus(&["stop", "-f", "--project", &host.project, &name]);
    for (args, code) in [(&["tmux", "capture", &name][..], 1), (&["container", "exec", &name, "--", "true"], 125)] {
        let out = host.cci(args);
        assert_eq!(out.code, code, "{out}");
        assert!(out.stderr.contains(&format!("error: container {name} is not running")), "{out}");
    }
}
