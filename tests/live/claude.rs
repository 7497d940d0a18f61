//! The real Claude Code remembers its conversation, however its session ended.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use crate::support::anthropic::Anthropic;
use crate::support::daemon::Daemon;
use crate::support::host::{Host, U1000, U1234, User, incus};
use crate::support::screen::Screen;
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

#[test]
fn a_single_prompt_is_answered_in_a_run() {
    for user in [U1000, U1234] {
        let (host, api) = (Host::live(user), Anthropic::start());
        let flags = api.flags();
        let token = format!("token-{:x}", std::process::id());
        let prompt = format!("hello {token}");
        let mut args = vec!["run"];
        args.extend(flags.iter().map(String::as_str));
        args.extend(["--", "claude", "-p", &prompt]);
        let out = host.cci(&args).ok();
        assert!(out.stdout.contains(&token) && out.stdout.contains("I have seen 1 user messages"), "{out}");
        host.wait_until_gone();
    }
}

#[test]
fn a_prompt_typed_into_a_background_session_is_answered_on_its_screen() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let name = background(&host, &api, &[]);
    prompt(&host, &name, "what is token-one");
}

#[test]
fn prompts_of_every_kind_arrive_once_and_as_they_are() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let name = background(&host, &api, &[]);
    let texts = ["first", "ends with \\", "\\", "two\nlines", "#remember", "-v", "@", "ümläut 漢字 🦀", "\n\nleading"];
    for text in texts {
        host.cci(&["tmux", "send", &name, "--", text]).ok();
        wait::until(&format!("{text:?} arrives"), LONG, || {
            // the agent drops blank lines at both ends of a prompt that it gets while it is busy
            if api.saw_last(text.trim_matches('\n')) {
                Ok(())
            } else {
                Err(format!("{:?}\n{}", api.last(), host.cci(&["tmux", "capture", &name])))
            }
        });
    }
    let many: String = (0..5000)
        .map(|number| format!("line {number} with words to make it as long as that\n"))
        .collect::<Vec<_>>()
        .concat();
    host.cci_with(&["tmux", "send", &name, "-"], &[], many.as_bytes()).ok();
    wait::until("two hundred kilobytes arrive", LONG, || {
        let last = many.lines().last().unwrap();
        if api.saw_line(last) { Ok(()) } else { Err(host.cci(&["tmux", "capture", &name]).to_string()) }
    });
    let out = host.cci(&["tmux", "send", &name, "   "]);
    assert!(out.code == 1 && out.stderr.contains("blanks"), "{out}");
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (host, name) = (&host, &name);
            scope.spawn(move || host.cci(&["tmux", "send", name, &format!("at once {number}")]).ok());
        }
    });
    for number in 0..3 {
        wait::until("each is a prompt of its own", LONG, || {
            let text = format!("at once {number}");
            if api.saw_line(&text) { Ok(()) } else { Err(host.cci(&["tmux", "capture", &name]).to_string()) }
        });
    }
}

/// Starts a session in the background and waits for the agent's prompt.
pub(crate) fn background(host: &Host, api: &Anthropic, more: &[&str]) -> String {
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(more);
    args.extend(flags.iter().map(String::as_str));
    let out = host.cci(&args).ok();
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    shows(host, &name, "bypass permissions");
    name
}

#[track_caller]
pub(crate) fn shows(host: &Host, name: &str, text: &str) {
    wait::until(&format!("the agent shows {text:?}"), LONG, || {
        let out = host.cci(&["tmux", "capture", name, "--all"]);
        if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
    });
}

/// Types a prompt and waits for the stub's answer to it.
#[track_caller]
fn prompt(host: &Host, name: &str, text: &str) {
    host.cci(&["tmux", "send", name, text]).ok();
    shows(host, name, &format!("echo <{text}>"));
    wait::until("the agent has written the prompt down", LONG, || {
        if written(host, text) { Ok(()) } else { Err(String::new()) }
    });
}

/// Whether a transcript on the host has the text: the agent writes a moment after it answers.
fn written(host: &Host, text: &str) -> bool {
    let transcripts = host.sessions().into_iter().flat_map(|id| {
        let dir = host.home.join(".cci/sessions-claude").join(id).join(".claude/projects/-workspace");
        std::fs::read_dir(dir).into_iter().flatten().flatten()
    });
    transcripts.into_iter().any(|file| std::fs::read_to_string(file.path()).is_ok_and(|lines| lines.contains(text)))
}

/// How a session ends.
#[derive(Clone, Copy)]
enum Ending {
    Exit,
    DetachAndShutdown,
    Kill,
    Poweroff,
    PoweroffBehindAnAttach,
    KilledAndDeleted,
}

/// A prompt is typed in a real terminal, the session ends in one way, and `--resume` knows the prompt.
fn remembers(user: User, ending: Ending) {
    let (host, api) = (Host::live(user), Anthropic::start());
    let screen = Screen::open(&host);
    let flags = api.flags().join(" ");
    screen.enter(&format!("clear; cci shell {flags}"));
    screen.wait_for("bypass permissions", LONG);
    let name = host.only_container();
    prompt(&host, &name, "the first is apple");
    end(&host, &screen, &name, ending);
    screen.press("C-l");
    screen.wait_for("READY>", LONG);
    screen.enter(&format!("clear; cci shell --resume {flags}"));
    screen.wait_for("bypass permissions", LONG);
    let name = host.only_container();
    shows(&host, &name, "the first is apple");
    prompt(&host, &name, "the second is pear");
    assert!(api.saw_together(&["the first is apple", "the second is pear"]), "the request did not hold both prompts");
}

/// Incus is killed and started again beneath a session; `--resume` goes back into the container, which ran on.
fn remembers_behind_a_crash(user: User) {
    let (mut daemon, api) = (Daemon::with_network(), Anthropic::start());
    daemon.take_image();
    let mut host = Host::new(user).at_socket(daemon.socket());
    host.project = "default".into();
    let screen = Screen::open(&host);
    let flags = api.flags().join(" ");
    screen.enter(&format!("clear; cci shell --network=open {flags}"));
    screen.wait_for("bypass permissions", LONG);
    let name = running(&host);
    prompt(&host, &name, "the first is apple");
    daemon.crash();
    screen.wait_for("error:", LONG);
    daemon.start_again();
    screen.press("C-l");
    screen.wait_for("READY>", LONG);
    screen.enter(&format!("clear; cci shell --resume --network=open {flags}"));
    screen.wait_for("the first is apple", LONG);
    assert_eq!(running(&host), name);
    prompt(&host, &name, "the second is pear");
    assert!(api.saw_together(&["the first is apple", "the second is pear"]), "the request did not hold both prompts");
}

/// The only container of the caller, as cci sees it.
#[track_caller]
fn running(host: &Host) -> String {
    let list: serde_json::Value = serde_json::from_str(&host.cci(&["list", "--format", "json"]).ok().stdout).unwrap();
    let all = list["active_containers"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{list:#}");
    all[0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn remembers_after_a_crash_of_incus_as_1000() {
    remembers_behind_a_crash(U1000);
}

#[test]
fn remembers_after_a_crash_of_incus_as_1234() {
    remembers_behind_a_crash(U1234);
}

fn end(host: &Host, screen: &Screen, name: &str, ending: Ending) {
    match ending {
        Ending::Exit => {
            screen.enter("/exit");
            screen.wait_for("/workspace$", LONG);
            screen.enter("exit");
            screen.wait_for("Container kept running", LONG);
        }
        Ending::DetachAndShutdown => {
            detach(screen);
            host.cci(&["shutdown", name]).ok();
            host.wait_until_gone();
        }
        Ending::Kill => {
            host.cci(&["kill", name]).ok();
            screen.wait_for("Session data saved", LONG);
            host.wait_until_gone();
        }
        Ending::Poweroff => {
            screen.enter("/exit");
            screen.wait_for("/workspace$", LONG);
            screen.enter("poweroff");
            screen.wait_for("Container was stopped, removing it", LONG);
            host.wait_until_gone();
        }
        Ending::PoweroffBehindAnAttach => {
            detach(screen);
            screen.enter(&format!("clear; cci attach {name}"));
            screen.wait_for("bypass permissions", LONG);
            incus(&["exec", "--project", &host.project, name, "--", "systemctl", "poweroff"]);
            screen.wait_for("Session data saved", LONG);
            host.wait_until_gone();
        }
        Ending::KilledAndDeleted => {
            let children = format!("/proc/{0}/task/{0}/children", screen.shell_pid());
            let pid: i32 =
                std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap();
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            let deleted = Command::new("incus").args(["delete", "--force", "--project", &host.project, name]).status();
            assert!(deleted.unwrap().success());
            host.wait_until_gone();
            // a killed cci cannot restore the terminal: the person types what they always type then
            screen.press("C-j");
            screen.type_text("stty sane");
            screen.press("C-j");
        }
    }
}

fn detach(screen: &Screen) {
    screen.press("C-b");
    screen.press("d");
    screen.wait_for("Container kept running", LONG);
}

macro_rules! endings {
    ($($name:ident: $user:expr, $ending:expr;)*) => {
        $(#[test]
        fn $name() {
            remembers($user, $ending);
        })*
    };
}

endings! {
    remembers_after_exit_as_1000: U1000, Ending::Exit;
    remembers_after_exit_as_1234: U1234, Ending::Exit;
    remembers_after_detach_and_shutdown_as_1000: U1000, Ending::DetachAndShutdown;
    remembers_after_detach_and_shutdown_as_1234: U1234, Ending::DetachAndShutdown;
    remembers_after_kill_as_1000: U1000, Ending::Kill;
    remembers_after_kill_as_1234: U1234, Ending::Kill;
    remembers_after_poweroff_as_1000: U1000, Ending::Poweroff;
    remembers_after_poweroff_as_1234: U1234, Ending::Poweroff;
    remembers_after_poweroff_behind_an_attach_as_1000: U1000, Ending::PoweroffBehindAnAttach;
    remembers_after_poweroff_behind_an_attach_as_1234: U1234, Ending::PoweroffBehindAnAttach;
    remembers_after_kill_9_and_delete_as_1000: U1000, Ending::KilledAndDeleted;
    remembers_after_kill_9_and_delete_as_1234: U1234, Ending::KilledAndDeleted;
}

/// A session in a repository that brings a hook of its own; whether the hook ran by the time the screen shows `text`.
fn hook_of_a_clone_ran(trusted: bool, text: &str) -> bool {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    std::fs::write(host.dir("home/.claude").join(".credentials.json"), "{}").unwrap();
    let hook = r#"{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch /workspace/ran"}]}]}}"#;
    std::fs::write(host.dir("proj/.claude").join("settings.json"), hook).unwrap();
    if trusted {
        let state =
            serde_json::json!({ "projects": { host.proj.to_str().unwrap(): { "hasTrustDialogAccepted": true } } });
        std::fs::write(host.home.join(".claude.json"), state.to_string()).unwrap();
    }
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let out = host.cci(&args).ok();
    assert_eq!(out.stderr.contains("it asks whether you trust them first"), !trusted, "{out}");
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    shows(&host, &name, text);
    host.proj.join("ran").exists()
}

#[test]
fn a_clone_runs_nothing_beside_the_credentials_before_the_person_trusts_it() {
    assert!(!hook_of_a_clone_ran(false, "trust"), "the hook ran before anybody was asked");
    assert!(hook_of_a_clone_ran(true, "bypass permissions"), "what is trusted on the host is not asked for again");
}

#[test]
fn settings_of_the_host_that_forbid_the_agent_its_work_are_told_and_a_hook_of_the_host_runs() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let hook = host.dir("home/.claude/hooks").join("start.sh");
    std::fs::write(&hook, "#!/bin/sh\ntouch /workspace/ran\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = serde_json::json!({
        "permissions": { "disableBypassPermissionsMode": "disable" },
        "sandbox": { "enabled": true, "failIfUnavailable": true },
        "apiKeyHelper": host.home.join("bin/key"),
        "hooks": { "SessionStart": [{ "hooks": [{ "type": "command", "command": hook }] }] },
    });
    std::fs::write(host.dir("home/bin").join("key"), "x").unwrap();
    std::fs::write(host.home.join(".claude/settings.json"), settings.to_string()).unwrap();
    std::fs::write(host.home.join(".claude.json"), "{\"theme\": ").unwrap();
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let out = host.cci(&args).ok();
    for told in ["permissions.disableBypassPermissionsMode", "sandbox.enabled", "apiKeyHelper", ".claude.json (EOF"] {
        assert!(out.stderr.lines().any(|line| line.starts_with("warning:") && line.contains(told)), "{told}: {out}");
    }
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    shows(&host, &name, "bypass permissions");
    wait::until("the hook of the host has run", LONG, || {
        if host.proj.join("ran").exists() { Ok(()) } else { Err(String::new()) }
    });
    prompt(&host, &name, "what is apple");
    // a single prompt of a program is not what is resumed
    let script = "cd /workspace && claude -p other";
    let inside: Vec<&str> = ["container", "exec", &name].into_iter().chain(flags.iter().map(String::as_str)).collect();
    host.cci(&[&inside[..], &["--", "sh", "-c", script]].concat()).ok();
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    std::fs::remove_file(&hook).unwrap();
    std::fs::remove_file(host.home.join(".claude/settings.json")).unwrap();
    let mut args = vec!["shell", "--background", "--resume"];
    args.extend(flags.iter().map(String::as_str));
    let name = host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    shows(&host, &name, "what is apple");
    let look = host.cci(&["container", "exec", &name, "--", "ls", "/home/code/.claude/hooks"]);
    assert!(!look.stdout.contains("start.sh"), "{look}");
}
