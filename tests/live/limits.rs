//! Limits are real: what would use up the host is stopped in its container, and nobody else notices; one that cannot be
//! enforced is refused.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::settings::{configured, in_container};
use crate::support::host::{Host, U1000, incus};
use crate::support::wait;

/// A container without limits beside the attacked one, with a process whose end would show.
struct Neighbour {
    host: Host,
    name: String,
    alive: String,
}

impl Neighbour {
    fn start() -> Self {
        let host = Host::live(U1000);
        host.cci(&["shell", "--background", "--debug"]).ok();
        let name = host.only_container();
        let mut neighbour = Self { host, name, alive: String::new() };
        // the client can lose what a command in a container that boots says
        neighbour.alive = wait::until("the neighbour names its process", Duration::from_secs(30), || {
            let told = neighbour.ask("setsid sleep 86400 >/dev/null 2>&1 </dev/null & echo $!");
            told.parse::<u32>().map(|_| told.clone()).map_err(|_| format!("it said '{told}'"))
        });
        neighbour
    }

    #[track_caller]
    fn ask(&self, script: &str) -> String {
        let answer = incus(&["exec", "--project", &self.host.project, &self.name, "--", "sh", "-c", script]);
        answer.trim().to_owned()
    }

    /// Its process still runs, and it can start others, write to its disk and show its screen.
    #[track_caller]
    fn is_unharmed(&self) {
        let script = format!(
            "kill -0 {} && dd if=/dev/zero of=/root/f.$$ bs=1M count=16 status=none && rm /root/f.$$",
            self.alive
        );
        self.ask(&script);
        self.host.cci(&["tmux", "capture", &self.name]).ok();
    }
}

/// The host can start processes at once.
#[track_caller]
fn the_host_is_unharmed() {
    let started = Instant::now();
    for _ in 0..20 {
        assert!(Command::new("true").status().unwrap().success());
    }
    assert!(started.elapsed() < Duration::from_secs(20), "twenty processes took {:?}", started.elapsed());
}

#[test]
fn a_fork_bomb_ends_at_its_limit() {
    let host = configured(U1000, "[limits]\nprocesses = 150\n");
    let neighbour = Neighbour::start();
    let bomb = "b() { b | b & }; b; sleep 5; cat /proc/loadavg";
    std::thread::scope(|scope| {
        let bombed = scope.spawn(|| host.cci(&["run", "--", "timeout", "-k", "1", "8", "bash", "-c", bomb]));
        for _ in 0..2 {
            the_host_is_unharmed();
            neighbour.is_unharmed();
        }
        let bombed = bombed.join().unwrap();
        assert!(bombed.stderr.contains("fork"), "no fork was refused: {bombed}");
    });
    neighbour.is_unharmed();
    // the same host can start the next container at once
    assert_eq!(in_container(&host, &[], "echo well").ok().stdout, "well\n");
}

#[test]
fn a_large_allocation_ends_at_its_limit() {
    let host = configured(U1000, "[limits]\nmemory = \"512MiB\"\n");
    let neighbour = Neighbour::start();
    let allocated = in_container(&host, &[], "head -c 4G /dev/zero | tail > /dev/null; echo ${PIPESTATUS[1]}").ok();
    assert_eq!(allocated.stdout, "137\n", "the allocation was killed: {allocated}");
    the_host_is_unharmed();
    neighbour.is_unharmed();
}

/// A storage pool of a test's own, removed with it.
pub(crate) struct Pool(pub(crate) String);

impl Pool {
    pub(crate) fn of(driver: &str, config: &[&str]) -> Self {
        let name = format!("cci-test-{driver}-{}", std::process::id());
        incus(&[&["storage", "create", &name, driver], config].concat());
        Self(name)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = Command::new("incus").args(["storage", "delete", &self.0]).output();
    }
}

#[test]
fn a_full_disk_ends_at_its_limit() {
    // the shared pool counts what containers use only while none of the large ones is deleted
    let pool = Pool::of("btrfs", &["size=6GiB"]);
    let host = configured(U1000, &format!("[limits]\ndisk = \"3GiB\"\n[incus]\nstorage_pool = \"{}\"\n", pool.0));
    let neighbour = Neighbour::start();
    let filled = in_container(&host, &[], "dd if=/dev/zero of=$HOME/f bs=1M count=4000 conv=fsync; stat -c %s $HOME/f");
    let size: u64 = filled.stdout.trim().parse().unwrap_or_else(|_| panic!("{filled}"));
    assert!(size < 3 << 30, "the disk was not bounded: {size}");
    assert!(filled.stderr.contains("quota exceeded") || filled.stderr.contains("No space left"), "{filled}");
    the_host_is_unharmed();
    neighbour.is_unharmed();
    host.wait_until_gone();
}

#[test]
fn a_disk_limit_that_the_pool_cannot_hold_is_refused() {
    let pool = Pool::of("dir", &[]);
    let host = configured(U1000, &format!("[limits]\ndisk = \"2GiB\"\n[incus]\nstorage_pool = \"{}\"\n", pool.0));
    for (args, status) in [(&["run", "--", "true"][..], 125), (&["shell", "--background"], 1)] {
        let out = host.cci(args);
        assert_eq!(out.code, status, "{out}");
        let told = format!("limits.disk = 2GiB cannot be enforced by storage pool {}", pool.0);
        assert!(out.stderr.contains(&told) && out.stderr.contains("hint: "), "{out}");
    }
    assert_eq!(host.containers(), Vec::<String>::new());
    assert_eq!(host.sessions(), Vec::<String>::new());
}
