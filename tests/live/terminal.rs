//! The caller's terminal: what a session leaves behind in it, which keys and colours it gets, and the jobs of its shell.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::host::{Host, U1000, U1234, daemon_socket, incus};
use crate::support::proxy::Proxy;
use crate::support::pty::{Pty, READY, left_on};
use crate::support::wait;

const SOON: Duration = Duration::from_secs(30);

/// The name of the container that a session was started in.
#[track_caller]
fn container(written: &str) -> String {
    let rest = written.split("Container: ").nth(1).unwrap();
    rest.split(['\r', '\n']).next().unwrap().to_owned()
}

/// cci in the terminal's shell.
#[track_caller]
fn cci(host: &Host) -> Pid {
    wait::until("cci runs", SOON, || {
        let mark = format!("^cci shell -e MARK={}", host.prefix);
        let found = std::process::Command::new("pgrep").args(["-f", &mark]).output().unwrap();
        let pid = String::from_utf8_lossy(&found.stdout).trim().parse().ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| "it does not".to_owned())
    })
}

#[test]
fn whatever_ends_a_session_nothing_stays_switched_on_and_the_last_words_are_seen() {
    let host = Host::live(U1000);
    for (ending, said) in [
        ("kill", "Container was stopped, removing it"),
        ("delete", "Container was stopped, removing it"),
        ("TERM", "Container kept running"),
        ("HUP", "Container kept running"),
    ] {
        let pty = Pty::open(&host, "xterm-256color");
        pty.enter(&format!("cci shell -e MARK={} --debug", host.prefix));
        let name = container(&pty.wait_for("/workspace"));
        // as an agent does
        pty.enter(r"printf '\033[?1049h\033[?1003h\033[?1004h\033[?2004h\033[?25l\033='; echo ON");
        pty.wait_for("\u{1b}[?1003h");
        let place = pty.len();
        match ending {
            "kill" => drop(host.cci(&["kill", &name]).ok()),
            "delete" => drop(incus(&["delete", "--force", "--project", &host.project, &name])),
            "TERM" => kill_process(cci(&host), Signal::TERM).unwrap(),
            _ => kill_process(cci(&host), Signal::HUP).unwrap(),
        }
        pty.wait_behind(place, READY);
        let written = pty.written();
        assert_eq!(left_on(&written), [""; 0], "{ending}: {}", pty.behind(place).escape_debug());
        let normal = written.rsplit("\u{1b}[?1049l").next().unwrap();
        assert!(normal.contains(said), "{ending}: {}", normal.escape_debug());
        host.remove_containers();
        host.wait_until_gone();
    }
}

#[test]
fn a_daemon_that_goes_away_is_named_with_the_way_back() {
    let proxy = Proxy::start(&daemon_socket());
    let host = Host::live(U1000).at_socket(proxy.socket());
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter("cci shell --debug");
    let name = container(&pty.wait_for("/workspace"));
    let place = pty.len();
    proxy.go_away();
    let said = pty.wait_behind(place, READY);
    assert_eq!(left_on(&pty.written()), [""; 0]);
    assert!(said.contains("lost the connection to Incus") && said.contains(&format!("cci attach {name}")), "{said}");
    assert!(!said.contains("cci setup"), "{said}");
    proxy.behave();
    let place = pty.len();
    pty.enter(&format!("cci attach {name}"));
    pty.wait_behind(place, "/workspace");
}

/// A shell session in the background; its container's name.
#[track_caller]
fn in_background(host: &Host) -> String {
    host.cci(&["shell", "--debug", "--background"]).ok().stdout.split(' ').next().unwrap().to_owned()
}

#[test]
fn shift_and_enter_are_told_from_enter() {
    let host = Host::live(U1000);
    for term in ["xterm-256color", "xterm-ghostty", "xterm-kitty", "foot"] {
        let pty = Pty::open(&host, term);
        pty.enter("cci shell --debug");
        pty.wait_for("/workspace");
        assert!(
            pty.written().contains("\u{1b}[>4;1m") || pty.written().contains("\u{1b}[>4;2m"),
            "{term}: not asked for"
        );
        pty.enter(r"printf '\033[>4;1m'; echo RE''ADS; cat -v");
        pty.wait_for("READS");
        pty.type_text("\u{1b}[27;2;13~\r");
        wait::until("the key arrives", SOON, || {
            let written = pty.written();
            if written.contains("^[[27;2;13~") || written.contains("^[[13;2u") { Ok(()) } else { Err(written) }
        });
        pty.detach();
        assert_eq!(left_on(&pty.written()), [""; 0], "{term}");
    }
}

#[test]
fn colours_of_24_bits_are_for_terminals_that_say_so() {
    let host = Host::live(U1000);
    let name = in_background(&host);
    for (term, says, shows) in [
        ("linux", "", false),
        ("screen", "", false),
        ("vt220", "", false),
        ("xterm", "", false),
        ("xterm-256color", "", false),
        ("xterm-256color", "truecolor", true),
        ("xterm-ghostty", "", true),
        ("xterm-kitty", "", true),
        ("foot", "", true),
        ("alacritty", "", true),
        ("no-such-terminal", "", false),
        ("", "", false),
    ] {
        let pty = Pty::open(&host, term);
        let unset = if term.is_empty() { "unset TERM; " } else { "" };
        pty.enter(&format!("{unset}COLORTERM={says} cci attach {name}"));
        pty.wait_for("/workspace");
        pty.enter(r"clear; printf '\033[38;2;11;2''2;33mCOL''OUR\033[0m\n'");
        pty.wait_for("COLOUR");
        assert_eq!(pty.written().contains("38;2;11;22;33"), shows, "{term} {says}");
        pty.detach();
    }
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_is_refused_before_anything_is_started() {
    let host = Host::live(U1000);
    let pty = Pty::open(&host, "dumb");
    pty.enter("cci shell --debug; echo STATUS-$?");
    let said = pty.wait_for("STATUS-2");
    let place = pty.len();
    assert!(said.contains("of type `dumb` (TERM) cannot show a session"), "{said}");
    assert_eq!(host.containers(), [""; 0]);
    let name = in_background(&host);
    pty.enter(&format!("cci attach {name}; echo STATUS''-$?"));
    let said = pty.wait_behind(place, "STATUS-2");
    assert!(said.contains("cci tmux capture"), "{said}");
}

#[test]
fn notifications_arrive_and_the_clipboard_and_anything_else_where_they_are_allowed() {
    let host = Host::live(U1000);
    for allowed in [false, true] {
        std::fs::create_dir_all(host.home.join(".config/cci")).unwrap();
        let config = format!("[terminal]\nclipboard = {allowed}\npassthrough = {allowed}\n");
        std::fs::write(host.home.join(".config/cci/config.toml"), config).unwrap();
        let pty = Pty::open(&host, "xterm-256color");
        pty.enter("cci shell --debug");
        pty.wait_for("/workspace");
        let sent = |print: &str| {
            let place = pty.len();
            pty.enter(&format!("clear; printf '{print}'; echo PRIN''TED"));
            pty.wait_behind(place, "PRINTED");
            place
        };
        for (print, arrives) in [
            (r"\033]9;pla''in\007", "\u{1b}]9;plain\u{7}"),
            (r"\033]9;pla''in2\033\\", "\u{1b}]9;plain2\u{1b}\\"),
            (r"\033]777;notify;ti''tle;text\007", "\u{1b}]777;notify;title;text\u{7}"),
            (r"\033]99;i=1;kit''ty\033\\", "\u{1b}]99;i=1;kitty\u{1b}\\"),
            (r"\033Ptmux;\033\033]9;wrap''ped\007\033\\", "\u{1b}]9;wrapped\u{7}"),
            (r"\033Ptmux;\033\033]777;notify;t;wrap''ped\007\033\\", "\u{1b}]777;notify;t;wrapped\u{7}"),
            (r"\033Ptmux;\033\033]99;i=1;wrap''ped\033\033\\\033\\", "\u{1b}]99;i=1;wrapped\u{1b}\\"),
            (r"\a", "\u{7}"),
        ] {
            let place = sent(print);
            pty.wait_behind(place, arrives);
        }
        for (print, what) in [
            (r"\033]52;c;Y2''xp\007", "]52;c;Y2xp"),
            (r"\033Ptmux;\033\033]52;c;Y2''xq\007\033\\", "]52;c;Y2xq"),
            (r"\033Ptmux;\033\033]1337;any''thing\007\033\\", "]1337;anything"),
            (r"\033Ptmux;\033\033_Gany''thing\033\033\\\033\\", "_Ganything"),
        ] {
            let place = sent(print);
            // what comes behind it has come
            pty.wait_behind(sent(r"\033]9;behi''nd\007"), "]9;behind");
            assert_eq!(pty.behind(place).contains(what), allowed, "{what}: {}", pty.behind(place).escape_debug());
        }
        pty.detach();
    }
}

#[test]
fn a_session_that_is_stopped_gives_the_terminal_back_and_takes_it_again() {
    let host = Host::live(U1000);
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter(&format!("cci shell -e MARK={} --debug", host.prefix));
    pty.wait_for("/workspace");
    for signal in [Signal::TSTP, Signal::STOP] {
        let place = pty.len();
        kill_process(cci(&host), signal).unwrap();
        pty.wait_behind(place, "Stopped");
        if signal == Signal::TSTP {
            assert_eq!(left_on(&pty.written()), [""; 0]);
        }
        let place = pty.len();
        pty.enter("stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e isig | sed s/^/COOKED-/");
        pty.wait_behind(place, "COOKED-3");
        pty.resize(90, 25);
        let place = pty.len();
        pty.enter("fg");
        // it is drawn anew, on the other screen
        let drawn = pty.wait_behind(place, "/workspace");
        assert!(drawn.contains("\u{1b}[?1049h"), "{}", drawn.escape_debug());
        pty.enter("clear; until [ $(tput cols)-$(tput lines) = 90-24 ]; do sleep 0.1; done; echo SIZE-RE''AD");
        pty.wait_behind(place, "SIZE-READ");
        pty.resize(100, 30);
        pty.enter("clear; until [ $(tput cols)-$(tput lines) = 100-29 ]; do sleep 0.1; done; echo SIZE-FOL''LOWED");
        pty.wait_behind(place, "SIZE-FOLLOWED");
    }
    let stopped = || {
        let place = pty.len();
        kill_process(cci(&host), Signal::TSTP).unwrap();
        pty.wait_behind(place, "Stopped");
        pty.len()
    };
    let place = stopped();
    pty.enter("bg");
    wait::until("the background job is stopped", SOON, || {
        // the shell says so before its next prompt
        pty.enter("");
        let written = pty.behind(place);
        if written.contains("Stopped") { Ok(()) } else { Err(written) }
    });
    let place = pty.len();
    pty.enter("fg");
    pty.wait_behind(place, "/workspace");
    stopped();
    let killed = cci(&host);
    // not `wait`: to a shell that has not heard yet that its job runs again, it is stopped
    pty.enter("kill %1");
    wait::until("what was killed in the background ends, and does not stop again", SOON, || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", killed.as_raw_pid()));
        if stat.is_err() { Ok(()) } else { Err(format!("{stat:?}, {}", pty.written())) }
    });
    let place = pty.len();
    pty.enter(&format!("cci attach {}", host.only_container()));
    pty.wait_behind(place, "/workspace");
    let place = pty.len();
    pty.enter("tmux detach");
    pty.wait_behind(place, READY);
    let place = pty.len();
    pty.enter(&format!("cci shell -e MARK={} --debug", host.prefix));
    pty.wait_behind(place, "/workspace");
    let place = pty.len();
    kill_process(cci(&host), Signal::QUIT).unwrap();
    let said = pty.wait_behind(place, READY);
    assert!(said.contains("Container kept running"), "{said}");
    assert_eq!(left_on(&pty.written()), [""; 0]);
}

#[test]
fn an_agent_that_was_stopped_takes_no_prompt_and_comes_back() {
    let host = Host::live(U1234);
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter("CCI_USE_DUMMY=1 cci shell");
    let name = container(&pty.wait_for("You:"));
    pty.type_text("\u{1a}");
    pty.wait_for("Stopped");
    let out = host.cci(&["tmux", "send", &name, "lost"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("it is suspended: `fg` resumes it"), "{out}");
    let place = pty.len();
    pty.enter("fg");
    pty.wait_behind(place, "_cci_agent");
    // the agent does not print its prompt again
    pty.enter("back");
    pty.wait_for("back-BACK");
    host.cci(&["tmux", "send", &name, "again"]).ok();
    pty.wait_for("again-BACK");
    assert!(!pty.written().contains("lost"), "{}", pty.written());
}

#[test]
fn a_command_in_the_background_runs_like_any_that_reads_nothing() {
    let host = Host::live(U1000);
    let pty = Pty::open(&host, "xterm-256color");
    for line in
        ["cci run -- sh -c 'sleep 1; echo do''ne' > log &", "cci run -- sh -c 'sleep 1; echo do''ne' | cat > log &"]
    {
        let place = pty.len();
        pty.enter(line);
        wait::until("it has run", SOON, || {
            let log = std::fs::read_to_string(host.proj.join("log")).unwrap_or_default();
            if log == "done\n" { Ok(()) } else { Err(pty.written()) }
        });
        pty.enter("wait; echo WAI''TED");
        let said = pty.wait_behind(place, "WAITED");
        assert!(!said.contains("Stopped"), "{said}");
        std::fs::remove_file(host.proj.join("log")).unwrap();
    }
    pty.enter("cci run -- sh -c 'echo begun; read -r line; echo heard $line' > log");
    wait::until("it has begun", SOON, || {
        let log = std::fs::read_to_string(host.proj.join("log")).unwrap_or_default();
        if log.contains("begun") { Ok(()) } else { Err(pty.written()) }
    });
    let place = pty.len();
    pty.type_text("\u{1a}");
    pty.wait_behind(place, READY);
    pty.enter("bg; jobs -r | grep -c 'cci run' | sed s/^/RUNNING-/");
    pty.wait_behind(place, "RUNNING-1");
    pty.enter("echo for the shell; jobs -s | wc -l | sed s/^/STOPPED-/");
    pty.wait_behind(place, "STOPPED-0");
    let place = pty.len();
    pty.enter("fg");
    pty.wait_behind(place, "cci run");
    pty.enter("in front");
    wait::until("it reads again", SOON, || {
        let log = std::fs::read_to_string(host.proj.join("log")).unwrap_or_default();
        if log.contains("heard in front") { Ok(()) } else { Err(pty.written()) }
    });
    host.wait_until_gone();
}

#[test]
fn a_loop_keeps_its_lines_where_a_command_is_told_to_read_nothing() {
    let host = Host::live(U1000);
    let read = |flag: &str| {
        let script = format!("printf 'one\\ntwo\\n' | while read -r line; do echo $line; cci run {flag} -- true; done");
        let mut sh = host.command("sh");
        sh.args(["-c", &script]);
        crate::support::host::run(sh, b"").ok().stdout
    };
    assert_eq!(read("-n"), "one\ntwo\n");
    assert_eq!(read(""), "one\n", "as ssh does it");
}

#[test]
fn a_session_without_tmux_ends_with_its_terminal() {
    let host = Host::live(U1000);
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter("CCI_USE_DUMMY=1 cci shell --tmux=false");
    pty.wait_for("You:");
    pty.close();
    host.wait_until_gone();
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter("CCI_USE_DUMMY=1 cci shell --tmux=false");
    pty.wait_for("You:");
    pty.enter("exit");
    pty.wait_for("Container was stopped, removing it");
    host.wait_until_gone();
    // where cci itself is killed, the next command does it
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter(&format!("CCI_USE_DUMMY=1 cci shell -e MARK={} --tmux=false", host.prefix));
    pty.wait_for("You:");
    kill_process(cci(&host), Signal::KILL).unwrap();
    pty.wait_for("Killed");
    host.cci(&["list"]).ok();
    host.wait_until_gone();
}

#[test]
fn a_slot_with_nothing_in_it_is_not_found() {
    let host = Host::live(U1000);
    let out = host.cci(&["attach", "--slot", "5"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("-5 not found"), "{out}");
    let pty = Pty::open(&host, "xterm-256color");
    pty.enter("cci attach --slot 5; echo STATUS-$?");
    pty.wait_for("STATUS-1");
}
