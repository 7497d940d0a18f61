//! Identifies a process of this machine, so that another can tell later whether it is still running.

use std::fs;

/// The number of this process and when it started, as text.
#[must_use]
pub fn own() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{pid} {}", started(pid)?))
}

/// Whether the process that [`own`] identified is still running; the same number is not enough, because another process
/// may have it.
#[must_use]
pub fn runs(told: &str) -> bool {
    let Some((pid, start)) = told.split_once(' ') else { return false };
    pid.parse().is_ok_and(|pid| started(pid).is_some_and(|now| now == start))
}

/// When a process started, in the kernel's ticks since the boot.
fn started(pid: u32) -> Option<String> {
    const BEHIND_THE_NAME: usize = 19;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name is in parentheses, and may have some of its own
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(BEHIND_THE_NAME).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_ends_and_is_no_other() {
        let own = own().unwrap();
        assert!(runs(&own));
        assert!(!runs(&format!("{} 1", std::process::id())), "another process of the same number");
        for told in ["", "1", "x y", "4294967295 5"] {
            assert!(!runs(told), "{told}");
        }
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let told = format!("{} {}", child.id(), started(child.id()).unwrap());
        assert!(runs(&told));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!runs(&told));
    }
}
