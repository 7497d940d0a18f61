//! The life of a session in a real terminal: what each way to end it leaves, and what `--resume` finds.

use std::time::Duration;

use crate::support::host::{Host, U1000, U1234, incus};
use crate::support::screen::Screen;
use crate::support::wait;

const SOON: Duration = Duration::from_secs(30);

/// A terminal with the dummy agent in an attached session.
fn attached(host: &Host, flags: &str) -> Screen {
    let screen = Screen::open(host);
    screen.enter(&format!("CCI_USE_DUMMY=1 cci shell {flags}"));
    screen.wait_for("You:", SOON);
    screen
}

#[track_caller]
fn says(screen: &Screen, text: &str) {
    screen.enter(text);
    screen.wait_for(&format!("{text}-BACK"), SOON);
}

#[track_caller]
fn state_of(host: &Host, name: &str) -> String {
    let list = incus(&["list", "--project", &host.project, "-f", "csv", "-c", "ns", name]);
    list.trim().to_owned()
}

#[test]
fn leaving_the_agent_leaves_bash_and_leaving_bash_leaves_the_container() {
    let host = Host::live(U1234);
    let screen = attached(&host, "");
    says(&screen, "apple");
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.enter("id -un; tput colors");
    screen.wait_for("code", SOON);
    screen.enter("exit");
    let end = screen.wait_for("Container kept running", SOON);
    assert!(end.contains("cci attach"), "{end}");
    assert!(end.contains("Session data saved"), "{end}");
    assert_eq!(host.containers().len(), 1);
    screen.enter("clear; cci attach");
    screen.wait_for("error: No tmux session in container", SOON);
}

#[test]
fn detach_and_attach_come_back_to_the_same_agent() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    says(&screen, "before");
    screen.press("C-b");
    screen.press("d");
    screen.wait_for("Container kept running", SOON);
    screen.enter("clear; cci attach");
    let shown = screen.wait_for("before-BACK", SOON);
    assert!(shown.contains("You:"), "{shown}");
    says(&screen, "after");
}

#[test]
fn a_poweroff_inside_deletes_an_ephemeral_container_and_keeps_the_conversation() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    says(&screen, "remember-me");
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.enter("poweroff");
    screen.wait_for("Container was stopped, removing it", SOON);
    host.wait_until_gone();
    screen.enter("clear; CCI_USE_DUMMY=1 cci shell --resume");
    let shown = screen.wait_for("You:", SOON);
    assert!(shown.contains("Resuming session:") && shown.contains("remember-me"), "{shown}");
}

#[test]
fn a_poweroff_inside_stops_a_persistent_container_with_what_was_installed() {
    let host = Host::live(U1234);
    let screen = attached(&host, "--persistent");
    says(&screen, "kept");
    let name = host.only_container();
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.enter("sudo touch /opt/installed; poweroff");
    screen.wait_for("Container kept (persistent)", SOON);
    wait::until("it is stopped", SOON, || match state_of(&host, &name) {
        state if state.ends_with("STOPPED") => Ok(()),
        state => Err(state),
    });
    screen.enter("clear; CCI_USE_DUMMY=1 cci shell --persistent --resume");
    let shown = screen.wait_for("You:", SOON);
    assert!(shown.contains("kept"), "{shown}");
    assert_eq!(host.only_container(), name);
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.enter("ls /opt/installed");
    screen.wait_for("/opt/installed", SOON);
}

#[test]
fn persist_holds_against_a_live_shell() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    says(&screen, "stay");
    let name = host.only_container();
    let out = host.cci(&["persist", &name]).ok();
    assert_eq!(out.stdout, format!("Persisted {name}\n"));
    let metadata = host.home.join(".cci/sessions-claude").join(&host.sessions()[0]).join("metadata.json");
    assert!(std::fs::read_to_string(metadata).unwrap().contains("\"persistent\": true"));
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.enter("sudo touch /opt/installed; poweroff");
    screen.wait_for("Container kept (persistent)", SOON);
    screen.enter("clear; CCI_USE_DUMMY=1 cci shell --persistent --resume");
    let shown = screen.wait_for("You:", SOON);
    assert!(shown.contains("stay"), "{shown}");
    assert_eq!(host.only_container(), name);
}

#[test]
fn a_kept_container_is_taken_again_by_whatever_comes_next() {
    let host = Host::live(U1000);
    let screen = attached(&host, "--persistent");
    let name = host.only_container();
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    for _ in 0..3 {
        screen.enter("clear; sudo poweroff");
        screen.wait_for("Container kept (persistent)", SOON);
        let out = host.cci(&["shell", "--background", "--persistent", "--debug"]).ok();
        assert_eq!(host.only_container(), name, "{out}");
        screen.enter("clear; cci attach");
        screen.wait_for("/workspace$", SOON);
    }
}

#[test]
fn a_closed_terminal_leaves_the_session_running() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    says(&screen, "still-here");
    screen.close();
    let name = host.only_container();
    let out = host.cci(&["tmux", "capture", &name]).ok();
    assert!(out.stdout.contains("still-here-BACK"), "{out}");
    assert!(host.cci(&["list"]).ok().stdout.contains("Status: Running"));
}

#[test]
fn the_window_follows_the_terminals_size() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    screen.enter("exit");
    screen.wait_for("/workspace$", SOON);
    screen.resize(72, 20);
    wait::until("the shell inside knows the new size", SOON, || {
        screen.enter("clear; stty size");
        let shown = screen.text();
        if shown.contains("19 72") { Ok(()) } else { Err(shown) }
    });
}

#[test]
fn the_terminals_mode_is_restored_after_sigterm() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", screen.shell_pid())).unwrap();
    let pid: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    screen.wait_for("READY>", SOON);
    screen.enter("stty -a | grep -o -- '-\\?icanon'; echo M''ODE");
    let shown = screen.wait_for("MODE", SOON);
    assert!(shown.lines().any(|line| line.trim() == "icanon"), "{shown}");
    assert_eq!(host.containers().len(), 1, "the session goes on");
}

#[test]
fn an_unknown_terminal_type_works_all_the_same() {
    let host = Host::live(U1000);
    let screen = Screen::open(&host);
    screen.enter("export TERM=xterm-from-the-future; CCI_USE_DUMMY=1 cci shell");
    screen.wait_for("You:", SOON);
    says(&screen, "hello");
}

#[test]
fn a_resume_goes_back_into_a_container_that_runs() {
    let host = Host::live(U1000);
    let dummy = [("CCI_USE_DUMMY", "1")];
    let first = host.cci_with(&["shell", "--background"], &dummy, b"").ok();
    let again = host.cci_with(&["shell", "--resume", "--background"], &dummy, b"").ok();
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(host.containers().len(), 1);
    // the pane is gone, as after a crash of the whole host: a new one takes its place
    let name = host.only_container();
    host.cci(&["tmux", "send", &name, "hello"]).ok();
    wait::until("the transcript is written", SOON, || {
        let shown = host.cci(&["tmux", "capture", &name]).stdout;
        if shown.contains("hello-BACK") { Ok(()) } else { Err(shown) }
    });
    incus(&[
        "exec",
        "--project",
        &host.project,
        &name,
        "--",
        "su",
        "code",
        "-c",
        "tmux -S /home/code/.cci-tmux kill-server",
    ]);
    host.cci_with(&["shell", "--resume", "--background"], &dummy, b"").ok();
    assert_eq!(host.only_container(), name);
    wait::until("the agent is back with its conversation", SOON, || {
        let shown = host.cci(&["tmux", "capture", &name]).stdout;
        if shown.contains("Resuming session") && shown.contains("hello") { Ok(()) } else { Err(shown) }
    });
}

#[test]
fn a_session_that_is_resumed_while_clean_asks_stays() {
    let host = Host::live(U1000);
    host.cci(&["shell", "--background", "--debug"]).ok();
    host.cci(&["kill", "--all", "--force"]).ok();
    let id = host.sessions().remove(0);
    let screen = Screen::open(&host);
    screen.enter("cci clean --sessions");
    screen.wait_for("Remove these?", SOON);
    host.cci(&["shell", "--background", "--debug", "--resume"]).ok();
    let name = host.only_container();
    screen.enter("y");
    let shown = screen.wait_for("1 of 1 failed", SOON);
    assert!(shown.contains(&format!("removing session {id} failed: container {name} has it")), "{shown}");
    assert_eq!(host.sessions(), [id]);
    assert!(host.cci(&["list", "--all"]).ok().stdout.contains("Workspace:"), "it is found");
}

#[test]
fn a_resume_never_takes_another_workspaces_session() {
    let host = Host::live(U1000);
    let dummy = [("CCI_USE_DUMMY", "1")];
    let (one, two) = (host.dir("one/proj"), host.dir("two/proj"));
    for dir in [&one, &two] {
        std::os::unix::fs::chown(dir.parent().unwrap(), Some(1000), Some(1000)).unwrap();
    }
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let out = host.cci_with(&["shell", "--background", "-w", one], &dummy, b"").ok();
    let id = out.stdout.split_whitespace().nth(1).unwrap().to_owned();
    host.cci(&["kill", "--all", "--force"]).ok();
    let out = host.cci_with(&["shell", "--resume", "--background", "-w", two], &dummy, b"");
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("error: no previous session to resume for this workspace"), "{out}");
    let out = host.cci_with(&["shell", &format!("--resume={id}"), "--background", "-w", two], &dummy, b"");
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains(&format!("belongs to workspace {one}")), "{out}");
    assert!(out.stderr.contains("--workspace"), "{out}");
    assert_eq!(host.containers(), [""; 0]);
}

#[test]
fn a_clock_that_jumps_does_not_lead_a_resume_to_another_workspace() {
    let host = Host::live(U1000);
    let dummy = [("CCI_USE_DUMMY", "1")];
    let (here, elsewhere) = (host.dir("here"), host.dir("elsewhere"));
    let started = |dir: &std::path::Path| {
        let out = host.cci_with(&["shell", "--background", "-w", dir.to_str().unwrap()], &dummy, b"").ok();
        host.cci(&["kill", "--all", "--force"]).ok();
        out.stdout.split_whitespace().nth(1).unwrap().to_owned()
    };
    let (own, other) = (started(&here), started(&elsewhere));
    let saved_at = |id: &str, moment: &str| {
        let path = host.home.join(".cci/sessions-claude").join(id).join("metadata.json");
        let mut metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        metadata["saved_at"] = moment.into();
        std::fs::write(&path, metadata.to_string()).unwrap();
        let transcripts = path.parent().unwrap().join(".claude/projects/-workspace");
        for transcript in std::fs::read_dir(transcripts).into_iter().flatten().flatten() {
            let moment = moment.parse::<jiff::Timestamp>().map_or(std::time::UNIX_EPOCH, std::time::SystemTime::from);
            let transcript = std::fs::File::options().append(true).open(transcript.path()).unwrap();
            transcript.set_modified(moment).unwrap();
        }
    };
    saved_at(&other, "2099-01-01T00:00:00Z");
    for moment in ["1971-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "the day before"] {
        saved_at(&own, moment);
        let resume = ["shell", "--resume", "--background", "-w", here.to_str().unwrap()];
        let out = host.cci_with(&resume, &dummy, b"").ok();
        assert!(out.stderr.contains(&format!("Resuming session: {own}")), "{moment}: {out}");
        host.cci(&["kill", "--all", "--force"]).ok();
    }
}

#[test]
fn a_damaged_session_is_named_and_skipped() {
    let host = Host::live(U1000);
    let dummy = [("CCI_USE_DUMMY", "1")];
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let out = host.cci_with(&["shell", "--background"], &dummy, b"").ok();
            host.cci(&["kill", "--all", "--force"]).ok();
            out.stdout.split_whitespace().nth(1).unwrap().to_owned()
        })
        .collect();
    let newest = host.home.join(".cci/sessions-claude").join(&ids[1]).join("metadata.json");
    std::fs::write(&newest, "{\"session_id\": ").unwrap();
    let out = host.cci_with(&["shell", "--resume", "--background"], &dummy, b"").ok();
    assert!(out.stderr.contains("warning:") && out.stderr.contains(&ids[1]), "{out}");
    assert!(out.stderr.contains(&format!("Resuming session: {}", ids[0])), "{out}");
}

#[test]
fn what_is_planted_in_the_state_directory_harms_nothing() {
    let host = Host::live(U1000);
    let dummy = [("CCI_USE_DUMMY", "1")];
    host.cci_with(&["shell", "--background"], &dummy, b"").ok();
    let name = host.only_container();
    // where the planted links lead on the host, and what would be seen of it there
    let outside = host.dir("outside");
    std::fs::create_dir(outside.join("below")).unwrap();
    std::fs::write(outside.join("below/kept"), "the host's own").unwrap();
    let seen = |dir: &std::path::Path| {
        let list = std::process::Command::new("find").arg(dir).args(["-printf", "%p %i %T@ %C@ %s %m %U\n"]).output();
        String::from_utf8(list.unwrap().stdout).unwrap()
    };
    let before = seen(&outside);
    let many = if std::env::var_os("CCI_TEST_ROUNDS").is_some() { 1_000_000 } else { 100_000 };
    let plant = format!(
        "cd /home/code/.claude; (mkdir many; cd many; seq {many} | xargs touch); rm -rf settings.json commands .claude.json; ln -s /etc/passwd settings.json; \
                 ln -s / commands; mkfifo .claude.json; mkfifo pipe; truncate -s 10G sparse; mkdir -p projects; \
                 rm -rf projects/-workspace; ln -s {outside} projects/-workspace; ln -s {outside}/below todos; \
                 ln -s {outside}/below/kept history.jsonl; ln settings.json hard",
        outside = outside.display()
    );
    incus(&["exec", "--project", &host.project, "--user", "1000", &name, "--", "bash", "-c", &plant]);
    let passwd = std::fs::read("/etc/passwd").unwrap();
    host.cci(&["list", "--all"]).ok();
    let info = host.cci(&["info"]).ok();
    assert!(!info.stdout.contains("GiB"), "a sparse file counts what it holds: {info}");
    host.cci(&["kill", "--all", "--force"]).ok();
    let out = host.cci_with(&["shell", "--resume", "--background"], &dummy, b"");
    assert!(out.code == 1 && out.stderr.contains("the agent's transcript is gone"), "a link is none: {out}");
    host.cci_with(&["shell", "--resume", "--background", "--debug"], &dummy, b"").ok();
    host.cci(&["kill", "--all", "--force"]).ok();
    host.cci(&["clean", "--sessions", "--force"]).ok();
    assert_eq!(host.sessions(), [""; 0]);
    assert_eq!(std::fs::read("/etc/passwd").unwrap(), passwd);
    assert_eq!(seen(&outside), before, "something behind a planted link was changed");
}
