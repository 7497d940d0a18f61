//! Incus dies under cci and comes back: nothing hangs, and the session goes on. The Incus is a second one of the test's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::host::{Host, U1000};
use crate::support::screen::Screen;
use crate::support::wait;

const PROGRAMS: [&str; 3] = ["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/lib/incus/incusd"];
const SOON: Duration = Duration::from_secs(60);

/// A daemon with a directory of its own; it ends with the test, and its containers before it.
struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("cci-incusd-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let daemon = Self { child: run(dir.path()), dir };
        daemon.incus(&["storage", "create", "p", "dir"]);
        daemon.incus(&["profile", "device", "add", "default", "root", "disk", "path=/", "pool=p"]);
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("unix.socket")
    }

    #[track_caller]
    fn incus(&self, args: &[&str]) {
        let done = Command::new("incus").env("INCUS_DIR", self.dir.path()).args(args).output().unwrap();
        assert!(done.status.success(), "incus {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Takes the tests' image over from the shared Incus.
    fn take_image(&self) {
        let file = self.dir.path().join("image");
        let export = Command::new("incus").args(["image", "export", "cci"]).arg(&file).output().unwrap();
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        let found = |suffix: &str| {
            let files = std::fs::read_dir(self.dir.path()).unwrap().flatten().map(|entry| entry.path());
            files
                .into_iter()
                .find(|path| path.to_str().is_some_and(|path| path.contains("/image") && path.ends_with(suffix)))
        };
        let (whole, root) =
            (found(".tar.zst").or_else(|| found(".tar.gz")).or_else(|| found(".tar.xz")), found(".root"));
        let mut args = vec!["image".to_owned(), "import".to_owned()];
        args.extend([whole, root].into_iter().flatten().map(|path| path.to_str().unwrap().to_owned()));
        args.extend(["--alias".to_owned(), "cci".to_owned()]);
        self.incus(&args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = run(self.dir.path());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            self.start_again();
        }
        let mut end = Command::new("sh");
        end.args(["-c", "incus list -f csv -c n | while read -r name; do incus delete -f \"$name\"; done"]);
        let _ = end.env("INCUS_DIR", self.dir.path()).output();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = self.dir.path().to_str().unwrap();
        for mount in mounts.lines().filter_map(|line| line.split(' ').nth(4)).filter(|mount| mount.starts_with(own)) {
            let _ = Command::new("umount").args(["--lazy", mount]).output();
        }
    }
}

fn run(dir: &Path) -> Child {
    let program = PROGRAMS.into_iter().find(|program| Path::new(program).exists());
    let program = program.expect("these tests need the program incusd");
    let child = Command::new(program)
        .args(["--group", "incus-admin", "--logfile"])
        .arg(dir.join("daemon.log"))
        .env("INCUS_DIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait::until("the second daemon", SOON, || {
        let ready = Command::new(program).args(["waitready", "--timeout", "5"]).env("INCUS_DIR", dir).output();
        if ready.is_ok_and(|ready| ready.status.success()) { Ok(()) } else { Err("not ready".to_owned()) }
    });
    child
}

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
    screen.enter(&format!("clear; cci attach {name}"));
    screen.wait_for("in-42", SOON);
    screen.enter("echo on-$((40+3))");
    screen.wait_for("on-43", SOON);
    host.cci(&["kill", "--all", "--force"]).ok();
}
