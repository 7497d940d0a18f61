//! Incus dies under cci and comes back: nothing hangs, and the session continues. The Incus is a second one for the
//! test.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::host::{Host, U1000};
use crate::support::screen::Screen;
use crate::support::wait;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_session_outlives_its_incus_and_nothing_hangs_meanwhile() {
    let mut daemon = Daemon::start();
    daemon.take_image();
    let mut host = Host::new(U1000).at_socket(daemon.socket());
    host.project = "default".into();
    let out = host.cci(&["shell", "--background", "--debug", "--network=open"]).ok();
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    let screen = Screen::open(&host);
    screen.enter(&format!("cci attach {name}"));
    screen.wait_for("/workspace$", SOON);
    screen.enter("echo in-$((40+2))");
    screen.wait_for("in-42", SOON);
    let mut run = host.cci_command(&["run", "--network=open", "--", "sh", "-c", "echo runs; exec sleep 1000"]);
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 5];
    std::io::Read::read_exact(run.stdout.as_mut().unwrap(), &mut first).unwrap();

    daemon.crash();

    let began = Instant::now();
    let end = wait::until("the run ends", SOON, || run.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()));
    assert_eq!(end.code(), Some(125), "{:?}", run.wait_with_output());
    let shown = screen.wait_for("error:", SOON);
    assert!(shown.contains("Incus") || shown.contains("incus"), "{shown}");
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    for verb in [&["list"][..], &["attach", &name], &["kill", &name], &["shell", "--background"]] {
        let began = Instant::now();
        let out = host.cci(verb);
        assert_eq!(out.code, 1, "{verb:?}: {out}");
        assert!(out.stderr.contains("cannot reach Incus at"), "{verb:?}: {out}");
        assert!(began.elapsed() < Duration::from_secs(20), "{verb:?} took {:?}", began.elapsed());
    }

    daemon.start_again();

    let next = host.cci(&["list"]).ok();
    assert!(next.stderr.contains("Removed container"), "the container of the run: {next}");
    assert!(next.stdout.contains(&name), "{next}");
    // what the first attach has left on the screen is not the second one's
    screen.enter("clear; echo cleared-$((1+2))");
    screen.wait_for("cleared-3", SOON);
    screen.enter(&format!("cci attach {name}"));
    screen.wait_for("in-42", SOON);
    screen.enter("echo on-$((40+3))");
    screen.wait_for("on-43", SOON);
    host.cci(&["kill", "--all", "--force"]).ok();
}
