//! `cci tmux`: text of any kind and length arrives as it is.

use std::time::Duration;

use crate::support::host::{Host, U1000, U1234};
use crate::support::screen::Screen;
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
fn two_hundred_kilobytes_come_from_stdin_or_a_file() {
    let host = Host::live(U1000);
    let name = session(&host);
    let lines: Vec<String> = (0..5000).map(|n| format!("line {n} with words to make it as long as that\n")).collect();
    let text = lines.concat();
    assert!(text.len() > 200_000);
    let file = host.dir("home").join("prompt");
    std::fs::write(&file, &text).unwrap();
    for (args, stdin) in
        [(&["-"][..], text.as_str()), (&["--file", file.to_str().unwrap()], ""), (&["--file", "-"], &text)]
    {
        host.cci(&["tmux", "send", &name, "stty -echo; cat > got; stty echo; echo DO''NE"]).ok();
        let send = [&["tmux", "send", &name][..], args].concat();
        host.cci_with(&send, &[], stdin.as_bytes()).ok();
        wait::until("all of it is in the file", Duration::from_secs(60), || {
            let got = std::fs::read_to_string(host.proj.join("got")).unwrap_or_default();
            if got == text { Ok(()) } else { Err(format!("{} of {} bytes", got.len(), text.len())) }
        });
        host.cci(&["tmux", "send", &name, "--keys", "C-d"]).ok();
        shows(&host, &name, "DONE");
        host.cci(&["tmux", "send", &name, "clear"]).ok();
        std::fs::remove_file(host.proj.join("got")).unwrap();
    }
}

#[test]
fn a_prompt_sent_at_once_is_submitted_once() {
    let host = Host::live(U1234);
    let dummy = [("CCI_USE_DUMMY", "1")];
    for _ in 0..3 {
        let out = host.cci_with(&["shell", "--background"], &dummy, b"").ok();
        let name = out.stdout.split(' ').next().unwrap().to_owned();
        host.cci(&["tmux", "send", &name, "first"]).ok();
        host.cci(&["tmux", "send", &name, "second"]).ok();
        let shown = shows(&host, &name, "second-BACK");
        assert!(shown.contains("You: first\nfirst-BACK\nYou: second\nsecond-BACK\n"), "{shown}");
    }
}

#[test]
fn ten_prompts_in_a_row_and_ten_at_once_are_ten_prompts() {
    let host = Host::live(U1234);
    let out = host.cci_with(&["shell", "--background"], &[("CCI_USE_DUMMY", "1")], b"").ok();
    let name = out.stdout.split(' ').next().unwrap().to_owned();
    for number in 0..10 {
        host.cci(&["tmux", "send", &name, &format!("row-{number}")]).ok();
    }
    std::thread::scope(|scope| {
        for number in 0..10 {
            let (host, name) = (&host, &name);
            scope.spawn(move || host.cci(&["tmux", "send", name, &format!("once-{number}")]).ok());
        }
    });
    shows(&host, &name, "You:");
    let said = host.cci(&["tmux", "capture", &name, "--all"]).ok().stdout;
    let lines: Vec<&str> = said.lines().collect();
    for number in 0..10 {
        for way in ["row", "once"] {
            let text = format!("{way}-{number}");
            let asked = lines.iter().filter(|line| **line == format!("You: {text}")).count();
            let answered = lines.iter().filter(|line| **line == format!("{text}-BACK")).count();
            assert_eq!((asked, answered), (1, 1), "{text}: {said}");
        }
    }
}

#[test]
fn a_container_that_is_paused_gets_nothing_and_is_named() {
    let host = Host::live(U1000);
    let name = session(&host);
    crate::support::host::incus(&["pause", "--project", &host.project, &name]);
    for args in [&["tmux", "send", &name, "x"][..], &["tmux", "capture", &name]] {
        let out = host.cci(args);
        assert_eq!(out.code, 1, "{out}");
        assert!(out.stderr.contains(&format!("error: container {name} is not running")), "{out}");
        assert!(out.stderr.contains(&format!("cci container start {name}")), "{out}");
    }
    host.cci(&["container", "start", &name]).ok();
    host.cci(&["tmux", "send", &name, "echo GOES-O''N"]).ok();
    shows(&host, &name, "GOES-ON");
}

#[test]
fn a_prompt_is_never_given_to_anything_but_the_agent() {
    let host = Host::live(U1000);
    let out = host.cci_with(&["shell", "--background"], &[("CCI_USE_DUMMY", "1")], b"").ok();
    let name = out.stdout.split(' ').next().unwrap().to_owned();
    host.cci(&["tmux", "send", &name, "exit"]).ok();
    shows(&host, &name, "/workspace$");
    let refused = |words: &str| {
        for args in [&["touch run"][..], &["--no-enter", "touch run"], &["--keys", "t", "Enter"]] {
            let out = host.cci(&[&["tmux", "send", &name][..], args].concat());
            assert_eq!(out.code, 1, "{out}");
            assert!(out.stderr.contains(words) && !out.stdout.contains("Sent"), "{out}");
        }
        let shown = host.cci(&["tmux", "capture", &name]).ok().stdout;
        assert!(!shown.contains("touch") && !host.proj.join("run").exists(), "{shown}");
    };
    refused("has exited");
    host.cci(&["tmux", "send", &name, "--force", "cat"]).ok();
    shows(&host, &name, "$ cat\n");
    refused("has exited");
    host.cci(&["tmux", "send", &name, "--force", "--keys", "C-d"]).ok();
    // the user starts it again
    host.cci(&["tmux", "send", &name, "--force", "clear; dummy"]).ok();
    host.cci(&["tmux", "send", &name, "hello"]).ok();
    shows(&host, &name, "hello-BACK");
    // and suspends it
    host.cci(&["tmux", "send", &name, "--keys", "C-z"]).ok();
    refused("has exited");
}

#[test]
fn a_session_that_somebody_has_started_by_other_means_is_found_and_driven() {
    let host = Host::live(U1234);
    let name = format!("{}plain", host.prefix);
    for user in ["root", "code"] {
        host.cci(&["container", "launch", &crate::support::host::image(), &name]).ok();
        let tmux = ["--", "tmux", "new-session", "-d", "-s", &format!("cci-{name}")];
        host.cci(&[&["container", "exec", &name, "--user", user][..], &tmux].concat()).ok();
        shows(&host, &name, &format!("{user}@"));
        host.cci(&["tmux", "send", &name, "id -un > /tmp/who; cat /tmp/who - "]).ok();
        shows(&host, &name, &format!("\n{user}\n"));
        host.cci(&["tmux", "send", &name, "--keys", "C-c"]).ok();
        let listed = host.cci(&["tmux", "list"]).ok().stdout;
        assert_eq!(listed, format!("Active sessions:\n  - {name} (tmux session: cci-{name})\n"));
        let screen = Screen::open(&host);
        screen.enter("cci attach");
        screen.wait_for(&format!("{user}@"), Duration::from_secs(30));
        screen.press("C-b");
        screen.press("d");
        let end = screen.wait_for("Container kept running", Duration::from_secs(30));
        assert!(!end.contains("Session data saved"), "{end}");
        host.cci(&["container", "delete", "--force", &name]).ok();
    }
}

#[test]
fn a_prompt_finds_its_agent_where_another_pane_was_in_front_when_that_started() {
    let host = Host::live(U1234);
    let kept = ["--persistent", "--slot", "3"];
    let profile = ["--", "sh", "-c", "echo 'tmux split-window cat' >>~/.profile"];
    host.cci(&[&["run"], &kept[..], &profile].concat()).ok();
    host.cci_with(&[&["shell", "--background"], &kept[..]].concat(), &[("CCI_USE_DUMMY", "1")], b"").ok();
    let name = host.only_container();
    host.cci(&["tmux", "send", &name, "hello"]).ok();
    let pane = ["tmux", "-S", "/home/code/.cci-tmux", "capture-pane", "-p", "-t", "%0"];
    wait::until("the agent has it", Duration::from_secs(20), || {
        let out = host.cci(&[&["container", "exec", &name, "--user", "code", "--"], &pane[..]].concat());
        if out.stdout.contains("hello-BACK") { Ok(()) } else { Err(out.to_string()) }
    });
}

#[test]
fn an_agent_that_is_not_there_or_ends_at_once_is_a_failure_with_its_last_words() {
    let host = Host::live(U1000);
    std::fs::create_dir_all(host.home.join(".config/cci")).unwrap();
    let config = host.home.join(".config/cci/config.toml");
    for (tool, words) in [
        ("binary = \"no-such-agent\"", "no-such-agent: not found"),
        (
            "name = \"dummy\"\nbinary = \"sh\"\nargs = [\"-c\", \"echo sandbox is demanded; exit 1\"]",
            "sandbox is demanded",
        ),
    ] {
        std::fs::write(&config, format!("[tool]\n{tool}\n")).unwrap();
        let out = host.cci(&["shell", "--background"]);
        assert_eq!(out.code, 1, "{out}");
        assert!(out.stderr.contains("has exited") && out.stderr.contains(words), "{out}");
        assert_eq!(out.stdout, "");
        host.wait_until_gone();
    }
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
