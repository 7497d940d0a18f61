//! The boundary `gvisor`: the agent is `code` inside gVisor's `runsc`, and nothing that it reaches runs commands outside.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use cci_guest::shell::quoted;

use crate::login::{ACCESS, REFRESH, World};
use crate::profiles::build;
use crate::settings::{configured, in_container};
use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1000, U1234, incus};
use crate::support::screen::Screen;
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

fn host() -> Host {
    let host = configured(U1234, "");
    build(&host, "gvisor");
    host
}

#[test]
fn without_it_in_the_image_a_launch_is_refused_before_anything_is_made() {
    let host = configured(U1000, "[defaults]\nboundary = \"gvisor\"\n");
    for verb in [&["run", "--", "true"][..], &["shell", "--background"]] {
        let out = host.cci(verb);
        assert!(out.stderr.contains("image 'cci' has no gVisor") && out.stderr.contains("--profile gvisor"), "{out}");
        assert_ne!(out.code, 0, "{out}");
    }
    assert_eq!((host.containers(), host.sessions()), (Vec::new(), Vec::new()));
}

#[test]
fn a_command_is_code_without_capabilities_and_its_files_are_the_callers() {
    let host = host();
    let script = "id -un; grep CapBnd /proc/self/status; dmesg | grep -c gVisor; echo \"$WORD\"; sudo -n true || echo no root; \
                  ls /run; echo x > made; cat; exit 7";
    let args = ["run", "--profile", "gvisor", "-e", "WORD=it's here", "--", "bash", "-c", script];
    let out = host.cci_with(&args, &[], b"typed\n");
    assert_eq!(out.code, 7, "{out}");
    assert_eq!(out.stdout, "code\nCapBnd:\t0000000000000000\n1\nit's here\nno root\ncci\ntyped\n", "{out}");
    assert!(out.stderr.contains("boundary gvisor: "), "{out}");
    let made = std::fs::metadata(host.proj.join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (1234, U1234.gid()));
    let plain = in_container(&host, &["--profile", "gvisor", "--boundary", "container"], "dmesg 2>&1 | grep -c gVisor");
    assert_eq!(plain.stdout, "0\n", "{plain}");
}

#[test]
fn the_agent_answers_resumes_and_stays_inside() {
    let (host, api) = (host(), Anthropic::start());
    let flags = api.flags();
    let start = |more: &[&str]| {
        let args = [&["shell", "--background"], more, &flags.iter().map(String::as_str).collect::<Vec<_>>()].concat();
        host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned()
    };
    let shows = |name: &str, text: &str| {
        wait::until(&format!("the agent shows {text:?}"), LONG, || {
            let out = host.cci(&["tmux", "capture", name, "--all"]);
            if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
        });
    };
    let name = start(&["--profile", "gvisor"]);
    shows(&name, "bypass permissions");
    let inside = |script: &str| incus(&["exec", "--project", &host.project, &name, "--", "sh", "-c", script]);
    // the agent is no process of the container's
    assert_eq!(inside("pgrep -x claude | wc -l").trim(), "0");
    assert_ne!(inside("runsc --root=/run/cci-gvisor/state ps code | grep -c claude").trim(), "0");
    // what would start commands outside is out of its reach, under another name too
    let reach = "cd; for way in 'tmux -S .cci-tmux ls' 'ln .cci-tmux linked' 'ls /run/dbus' 'ls /run/docker.sock' \
                 'test -S .cci-tmux' 'umount .cci-tmux'; do $way >/dev/null 2>&1 && echo \"$way\"; done; \
                 mv .cci-tmux moved && tmux -S moved ls 2>/dev/null; mv moved .cci-tmux; echo tried";
    let as_agent = |script: &str| {
        let enter =
            "runsc --root=/run/cci-gvisor/state exec --user 1000:1000 --cwd /home/code code env HOME=/home/code";
        format!("{enter} sh -c {}", quoted(script))
    };
    assert_eq!(inside(&as_agent(reach)), "tried\n");
    host.cci(&["tmux", "send", &name, "hello"]).ok();
    shows(&name, "I have seen 1 user messages");
    // its turns are told, and its own questions are answered
    wait::until("the turn is told", LONG, || {
        let log = host.cci(&["log", "--format", "json"]).ok().stdout;
        if log.contains("turn") { Ok(()) } else { Err(log) }
    });
    let log = inside(&as_agent("cci-checkpoint log"));
    assert!(log.contains("\"checkpoints\"") && log.contains("turn"), "{log}");
    host.cci(&["tmux", "send", &name, "--keys", "C-z"]).ok();
    host.cci(&["tmux", "send", &name, "more"]).ok();
    shows(&name, "I have seen 2 user messages");
    host.cci(&["checkpoint"]).ok();
    host.cci(&["kill", &name]).ok();
    let name = start(&["--resume"]);
    shows(&name, "bypass permissions");
    host.cci(&["tmux", "send", &name, "again"]).ok();
    shows(&name, "I have seen 3 user messages");
    let pids = incus(&["exec", "--project", &host.project, &name, "--", "sh", "-c", "pgrep -x claude | wc -l"]);
    assert_eq!(pids.trim(), "0", "a resumed session is inside too");
}

#[test]
fn its_login_stays_on_the_host_and_what_is_rewound_or_opened_beside_it_is_inside() {
    let world = World::new(U1234, "");
    let host = &world.host;
    build(host, "gvisor");
    let name = world.start_with(&["--profile", "gvisor"]);
    let is_inside = |name: &str| {
        let outside = world.inside(name, "root", "pgrep -x claude | wc -l").ok();
        assert_eq!(outside.stdout.trim(), "0", "{outside}");
    };
    world.prompt(&name, "hello through both");
    assert!(world.api.was_let_in_by(ACCESS), "the supervisor adds the login");
    is_inside(&name);
    for secret in [ACCESS, REFRESH] {
        assert_eq!(world.found(&name, secret), "", "{secret}");
    }

    let screen = Screen::open(host);
    screen.enter(&format!("cci attach --bash {name}"));
    screen.wait_for("/workspace$", LONG);
    let asked =
        "curl -s -o /dev/null -w 'answer %{http_code}.' --unix-socket /run/cci/login.sock http://localhost/v1/models";
    screen.enter(&format!("clear; echo kernels $(dmesg | grep -c gVisor).; {asked}"));
    screen.wait_for("kernels 1.", LONG);
    screen.wait_for("answer 404.", LONG);
    screen.enter("exit");
    screen.wait_for("Container kept running", LONG);
    screen.enter(&format!("clear; cci attach {name}"));
    screen.wait_for("bypass permissions", LONG);
    screen.press("C-b");
    screen.press("c");
    screen.wait_for("/workspace$", LONG);
    screen.enter("echo kernels $(dmesg | grep -c gVisor).; sudo -n true || echo no root.; docker ps");
    screen.wait_for("kernels 1.", LONG);
    screen.wait_for("no root.", LONG);
    screen.wait_for("Cannot connect to the Docker daemon", LONG);
    screen.enter("exit");
    screen.press("C-b");
    screen.press("d");
    screen.wait_for("Container kept running", LONG);

    std::fs::write(host.proj.join("file"), "before").unwrap();
    let first = host.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    std::fs::write(host.proj.join("file"), "after").unwrap();
    world.inside(&name, "root", "touch /root/after").ok();
    world.cci(&["rewind", "--yes", &first]).ok();
    world.shows(&name, "hello through both");
    assert_eq!(std::fs::read_to_string(host.proj.join("file")).unwrap(), "before");
    world.inside(&name, "root", "test ! -e /root/after").ok();
    world.prompt(&name, "after the rewind");
    is_inside(&name);
    let forked = world.cci(&["fork", "-n", "1", "--prompt", "in the fork"]).ok();
    let fork = forked.stdout.split_whitespace().last().unwrap();
    world.shows(fork, "echo <in the fork>");
    is_inside(fork);
}
