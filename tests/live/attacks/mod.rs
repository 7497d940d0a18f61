//! What a hostile agent, a cloned repository or a neighbour tries without success: one file for each kind of attack.

mod checkpoints;
mod clean;
mod image;
mod mount;
mod owner;
mod project;
mod reclaim;
mod requests;
mod workspace;
mod writes;

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::support::host::{Host, U1234, answer, incus};
use crate::support::wait;
use crate::support::watch::Over;

/// What nobody in a container may ever read.
const SECRET: &str = "the host's own key";

/// The user's key, where it usually is.
fn plant_key(host: &Host) -> PathBuf {
    let ssh = host.dir("home/.ssh");
    fs::write(ssh.join("id_ed25519"), SECRET).unwrap();
    ssh
}

/// Runs a script as the container's root, by Incus itself: what an agent with sudo can do.
fn inside(host: &Host, name: &str, script: &str) -> Option<String> {
    let args = ["exec", "--project", &host.project, name, "--", "sh", "-c", script];
    let out = answer(Command::new("incus").args(args));
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The same in a container that runs for certain, and that may be booting: then Incus refuses a command now and then.
fn surely_inside(host: &Host, name: &str, script: &str) -> String {
    wait::until("the container runs a command", Duration::from_secs(30), || {
        inside(host, name, script).ok_or_else(|| format!("{name}: {script}"))
    })
}

/// What Incus says of a container.
fn state(host: &Host, name: &str) -> String {
    incus(&["list", "--project", &host.project, "-f", "csv", "-c", "s", name]).trim().to_owned()
}

/// Does `work` while a place is again and again a link to `target` for a moment.
fn flipping<T>(place: &Path, target: &Path, work: impl FnOnce() -> T) -> T {
    let link = place.with_file_name("flipped");
    symlink(target, &link).unwrap();
    // an agent's link, and not the administrator's
    lchown(&link, Some(1234), Some(U1234.gid())).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flips = scope.spawn(|| {
            let mut count = 0_u32;
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, place, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                count += 1;
                // each state lasts a little, and another time than before
                std::thread::park_timeout(Duration::from_micros(u64::from(count * 397 % 2000)));
            }
            count
        });
        let end = Over(&over);
        let done = work();
        drop(end);
        let count = flips.join().unwrap();
        assert!(count > 10, "only {count} flips: nothing was tried");
        if place.is_symlink() {
            renameat_with(CWD, place, CWD, &link, RenameFlags::EXCHANGE).unwrap();
        }
        fs::remove_file(&link).unwrap();
        done
    })
}
