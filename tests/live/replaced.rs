//! What is mounted is replaced on the host while a session runs: its end, the next start and the next session report it.

use std::fs;
use std::time::Duration;

use crate::support::host::{Host, U1000, U1234, incus};
use crate::support::screen::Screen;
use crate::support::wait;

const SOON: Duration = Duration::from_secs(60);

/// A system that is still booting refuses it.
const REBOOT: &str = "until reboot; do sleep 0.1; done";

/// A terminal in bash of a session.
fn attached(host: &Host, flags: &str) -> Screen {
    let screen = Screen::open(host);
    screen.resize(200, 50);
    screen.enter(&format!("cci shell --debug {flags}"));
    screen.wait_for("/workspace$", SOON);
    screen
}

#[test]
fn a_reboot_after_an_editor_has_replaced_a_mounted_file_names_the_file() {
    let host = Host::live(U1000);
    let file = host.dir("files").join("rc");
    fs::write(&file, "old").unwrap();
    let screen = attached(&host, &format!("--mount {}:/opt/rc", file.display()));
    let name = host.only_container();
    let new = file.with_extension("new");
    fs::write(&new, "new").unwrap();
    fs::rename(&new, &file).unwrap();
    screen.enter(REBOOT);
    let shown = screen.wait_for("did not start again", SOON);
    assert!(shown.contains("what it had mounted was replaced on the host") && shown.contains("/files/rc"), "{shown}");
    host.wait_until_gone();
    let out = host.cci(&["attach", &name]);
    let said = "is gone; what it had mounted was replaced on the host, which no reboot survives: ";
    assert!(out.stderr.contains(&format!("{said}{}\nhint: resume it with `cci shell", file.display())), "{out}");
    let out = host.cci(&["shell", "--background", "--debug", "--resume"]).ok();
    let said =
        format!("warning: this was replaced on the host since the session was last started: {}\n", file.display());
    assert!(out.stderr.contains(&said), "{out}");
}

#[test]
fn a_workspace_that_was_moved_and_made_anew_is_told_by_attach_start_and_resume() {
    let host = Host::live(U1234);
    let screen = attached(&host, "--persistent");
    screen.press("C-b");
    screen.press("d");
    screen.wait_for("Container kept running", SOON);
    let (name, proj) = (host.only_container(), host.proj.display());
    fs::rename(&host.proj, host.proj.with_file_name("moved")).unwrap();
    host.dir("proj");
    screen.enter("clear; cd .; cci attach");
    screen.wait_for("/workspace$", SOON);
    screen.enter(REBOOT);
    let shown = screen.wait_for("did not start again", SOON);
    assert!(shown.contains("was replaced on the host"), "{shown}");
    // Incus still cleans up after a start when it reports that it failed, and then calls the container running
    for _ in 0..3 {
        let out = host.cci(&["container", "start", &name]);
        assert!(out.stderr.contains(&format!("{proj} was replaced by another on the host")), "{out}");
    }
    let out = host.cci(&["shell", "--background", "--debug", "--resume"]).ok();
    assert!(
        out.stderr.contains(&format!("this was replaced on the host since the session was last started: {proj}\n")),
        "{out}"
    );
    assert_eq!(host.only_container(), name);
    // while it runs, whoever returns to it gets a warning
    fs::rename(&host.proj, host.proj.with_file_name("moved-too")).unwrap();
    host.dir("proj");
    let out = host.cci(&["shell", "--background", "--debug", "--resume"]).ok();
    let said = format!("warning: container {name} still shows what was at {proj} before it was replaced on the host\n");
    assert!(out.stderr.contains(&said), "{out}");
}

#[test]
fn a_reboot_with_nothing_replaced_says_how_to_go_on() {
    let host = Host::live(U1000);
    let screen = attached(&host, "");
    let name = host.only_container();
    screen.enter(REBOOT);
    screen.wait_for("Container rebooted: resume the session with `cci shell --resume`", SOON);
    wait::until("it runs", SOON, || {
        let list = incus(&["list", "--project", &host.project, "-f", "csv", "-c", "s", &name]);
        if list.trim() == "RUNNING" { Ok(()) } else { Err(list) }
    });
    screen.enter("clear; cci shell --debug --resume");
    screen.wait_for("/workspace$", SOON);
    assert_eq!(host.only_container(), name);
}
