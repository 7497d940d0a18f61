//! The supervisor that a test's commands may have started: by its process id, and only where it is of the test's own home.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// The running supervisor of a home.
pub fn of(home: &Path) -> Option<Pid> {
    let noted = fs::read_to_string(home.join(".cci/run/supervisor.lock")).ok()?;
    let pid: i32 = noted.trim().parse().ok()?;
    is_it(pid, home).then(|| Pid::from_raw(pid)).flatten()
}

/// Whether a process is a supervisor that was started with this home: another one may have the number by now.
fn is_it(pid: i32, home: &Path) -> bool {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let (words, environment) = (read("cmdline"), read("environ"));
    let has_home =
        environment.split(|byte| *byte == 0).any(|one| one.strip_prefix(b"HOME=") == Some(home.as_os_str().as_bytes()));
    words.ends_with(b"\0supervisor\0run\0") && has_home
}

/// Kills it at once, as a test does that is about what comes then; returns which it was.
#[track_caller]
pub fn kill(home: &Path) -> Pid {
    let pid = of(home).expect("no supervisor runs");
    kill_process(pid, Signal::KILL).unwrap();
    gone(pid, home);
    pid
}

/// Ends what is left of it when a test has ended, also one that the last command has just started and that has no lock yet.
pub fn end(home: &Path) {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| is_it(*pid, home));
    for pid in ours.filter_map(Pid::from_raw) {
        if kill_process(pid, Signal::KILL).is_ok() {
            gone(pid, home);
        }
    }
}

fn gone(pid: Pid, home: &Path) {
    wait::until("the supervisor has ended", Duration::from_secs(20), || {
        if is_it(pid.as_raw_nonzero().get(), home) { Err(format!("{pid:?}")) } else { Ok(()) }
    });
}
