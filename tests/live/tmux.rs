//! `cci tmux`: text of any kind and length arrives as it is.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1000, U1234};
use crate::support::screen::Screen;
use crate::support::wait;
use crate::support::watch::Over;

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

/// Starts a session in the background; returns its container.
#[track_caller]
fn begun(host: &Host, api: &Anthropic, args: &[&str], stdin: &str) -> String {
    let flags = api.flags();
    let all = [&["shell", "--background"][..], &flags.iter().map(String::as_str).collect::<Vec<_>>(), args].concat();
    let out = host.cci_with(&all, &[], stdin.as_bytes()).ok();
    out.stdout.split_whitespace().next().unwrap().to_owned()
}

#[track_caller]
fn arrives(host: &Host, api: &Anthropic, name: &str, text: &str) {
    wait::until("the prompt arrives, to the byte", Duration::from_secs(90), || match api.pieces(text) {
        0 => Err(format!("last: {:.300?}\n{}", api.last(), host.cci(&["tmux", "capture", name]))),
        _ => Ok(()),
    });
}

#[test]
fn a_session_begins_with_a_prompt_of_any_kind_as_it_is() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let hostile = "it's \"q\" $HOME `id` $(id) #{pane_id} #(id) %1 \\n ; \\;\n--resume\n\ttab !x C-a ümläut 漢字 🦀 \\";
    for (args, text) in [
        (&["what", "is", "--slot=3", "token-one"][..], "what is token-one"),
        (&["--", hostile], hostile),
        (&["--", "--help"], "--help"),
        (&["!touch /workspace/ran"], "!touch /workspace/ran"),
        (&["\n\n  blanks and lines around  \n"], "\n\n  blanks and lines around  \n"),
    ] {
        let name = begun(&host, &api, args, "");
        arrives(&host, &api, &name, text);
        host.cci(&["kill", &name]).ok();
    }
    assert!(!host.proj.join("ran").exists(), "nothing of it is a command");
}

#[test]
fn a_session_begins_with_a_prompt_of_a_megabyte_that_no_process_shows() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let marker = format!("marker-{:x}-of-the-prompt", std::process::id());
    let line = |n| format!("{n} {marker} ümläut 漢字 🦀 \"q\" 'q' $HOME\n");
    let mut text = (0..20_000).map(line).collect::<Vec<_>>().concat();
    while text.len() > 1 << 20 {
        text.pop();
    }
    text += &"x".repeat((1 << 20) - text.len());
    let file = host.home.join("prompt.md");
    std::fs::write(&file, &text).unwrap();
    let shown = everywhere(&marker, || {
        let name = begun(&host, &api, &["--prompt-file", file.to_str().unwrap()], "");
        arrives(&host, &api, &name, &text);
        shows(&host, &name, "I have seen 1 user messages");
        host.cci(&["kill", &name]).ok();
        let other = text.replacen("0 marker", "1 marker", 1);
        let name = begun(&host, &api, &["-"], &other);
        arrives(&host, &api, &name, &other);
        let buffers =
            ["container", "exec", &name, "--user", "code", "--", "tmux", "-S", "/home/code/.cci-tmux", "list-buffers"];
        assert!(!host.cci(&buffers).stdout.contains("cci-prompt"));
    });
    assert_eq!(shown, Vec::<String>::new(), "a process of the host shows the prompt");
}

/// Which processes have a text in their arguments or their environment at some moment of `work`.
fn everywhere(text: &str, work: impl FnOnce()) -> Vec<String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                let own = std::process::id().to_string();
                for process in std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
                    if process.ends_with(&own) {
                        continue;
                    }
                    for of in ["cmdline", "environ"] {
                        let told = std::fs::read(process.join(of)).unwrap_or_default();
                        let told = String::from_utf8_lossy(&told).into_owned();
                        if told.contains(text) {
                            seen.insert(told.chars().take(300).collect::<String>());
                        }
                    }
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            seen
        });
        let end = Over(&over);
        work();
        drop(end);
        watch.join().unwrap().into_iter().collect()
    })
}

#[test]
fn a_session_begins_with_a_prompt_behind_a_resume_and_a_running_one_gets_it_too() {
    let (host, api) = (Host::live(U1000), Anthropic::start());
    let name = begun(&host, &api, &["the first is apple"], "");
    shows(&host, &name, "echo <the first is apple>");
    wait::until("the agent has written it down", Duration::from_secs(30), || {
        let listed = host.cci(&["log", "--all", "--format", "json"]).ok().stdout;
        if listed.contains("the first is apple") { Ok(()) } else { Err(listed) }
    });
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    let second = "the second\nis \"pear\"";
    let name = begun(&host, &api, &["--resume", "-"], second);
    arrives(&host, &api, &name, second);
    assert!(api.saw_together(&["the first is apple", second]), "it is the same conversation");
    shows(&host, &name, "I have seen");
    // it runs: the same agent gets the next ones
    for (flag, text) in [("--resume", "the third is plum"), ("--attach-if-running", "the fourth\nis $HOME")] {
        assert_eq!(begun(&host, &api, &[flag, text], ""), name, "{flag}");
        arrives(&host, &api, &name, text);
    }
    assert!(api.saw_together(&["the first is apple", second, "the third is plum", "the fourth\nis $HOME"]));
    assert_eq!(host.containers().len(), 1);
}

#[test]
fn a_session_begins_with_a_prompt_on_a_terminal_and_from_a_pipe() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let screen = Screen::open(&host);
    let flags = api.flags().join(" ");
    screen.enter(&format!("clear; echo 'from a pipe' | cci shell {flags} -"));
    screen.wait_for("echo <from a pipe>", Duration::from_secs(90));
    let name = host.only_container();
    // the agent has the terminal
    screen.enter("and typed");
    arrives(&host, &api, &name, "and typed");
    assert_eq!(api.pieces("from a pipe\n").min(1), 1, "{:?}", api.last());
}

#[test]
fn an_agent_that_reads_line_by_line_is_typed_its_first_prompt_and_an_unknown_one_gets_none() {
    let host = Host::live(U1000);
    let out = host.cci_with(&["shell", "--background", "first"], &[("CCI_USE_DUMMY", "1")], b"").ok();
    let name = out.stdout.split(' ').next().unwrap().to_owned();
    let shown = shows(&host, &name, "first-BACK");
    assert!(shown.contains("You: first\nfirst-BACK\nYou:"), "{shown}");
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    let config = host.dir("home/.config/cci").join("config.toml");
    std::fs::write(config, "[tool]\nname = \"mine\"\n").unwrap();
    let before = host.sessions();
    let out = host.cci(&["shell", "--background", "first"]);
    assert!(out.code == 2 && out.stderr.contains("does not know how mine takes a prompt"), "{out}");
    assert!(host.containers().is_empty() && host.sessions() == before, "{:?}", host.containers());
}

#[test]
fn a_launcher_returns_to_the_session_of_its_workspace_and_starts_one_where_none_runs() {
    let host = Host::live(U1234);
    let dummy = [("CCI_USE_DUMMY", "1")];
    let launch = |args: &[&str]| {
        let out = host.cci_with(&[&["shell", "--background", "--attach-if-running"][..], args].concat(), &dummy, b"");
        out.ok().stdout.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = launch(&[]);
    assert_eq!(launch(&[]), first, "the same container and conversation");
    assert_eq!(host.containers().len(), 1);
    let other = launch(&["--slot", "2"]);
    assert!(other != first && other[0].ends_with("-2"), "{other:?}");
    assert_eq!(launch(&["--slot", "2"]), other);
    assert_eq!(launch(&[]), first, "the lowest slot");
    let elsewhere = host.dir("elsewhere");
    let there = launch(&["-w", elsewhere.to_str().unwrap()]);
    assert!(there != first && there != other, "{there:?}");
    // who left the agent and bash finds the agent again, on the same conversation
    host.cci(&["tmux", "send", &first[0], "remember me"]).ok();
    shows(&host, &first[0], "remember me-BACK");
    host.cci(&["tmux", "send", &first[0], "exit"]).ok();
    shows(&host, &first[0], "$");
    host.cci(&["tmux", "send", "--force", &first[0], "exit"]).ok();
    wait::until("the pane is gone", Duration::from_secs(30), || {
        let out = host.cci(&["tmux", "capture", &first[0]]);
        if out.stderr.contains("No tmux session") { Ok(()) } else { Err(out.to_string()) }
    });
    assert_eq!(launch(&[]), first);
    shows(&host, &first[0], "remember me-BACK");
    // on a terminal, by the launcher that is shipped
    let screen = Screen::open(&host);
    screen.enter(&format!(
        "clear; CCI_USE_DUMMY=1 {}/misc/superset/launch.sh 'by the launcher'",
        env!("CARGO_MANIFEST_DIR")
    ));
    screen.wait_for("by the launcher-BACK", Duration::from_secs(60));
    assert_eq!(host.containers().iter().filter(|name| name.ends_with("-1")).count(), 2, "{:?}", host.containers());
}
