//! A separate Incus daemon for one test, with its own directory, to be killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::host::answer;
use super::wait;

const PROGRAMS: [&str; 3] = ["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/lib/incus/incusd"];
const SOON: Duration = Duration::from_secs(60);

/// A daemon with a directory of its own; it ends with the test, and its containers before it.
pub struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
    network: Option<String>,
}

impl Daemon {
    /// A running daemon with a storage pool and nothing else.
    pub fn start() -> Self {
        let daemon = Self::bare();
        daemon.incus(&["storage", "create", "p", "dir"]);
        daemon.incus(&["profile", "device", "add", "default", "root", "disk", "path=/", "pool=p"]);
        daemon
    }

    /// A running daemon with nothing.
    pub fn bare() -> Self {
        let dir = tempfile::Builder::new().prefix("cci-incusd-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self { child: run(dir.path()), dir, network: None }
    }

    /// The same with a bridge that leads out, of a name that no other daemon has.
    pub fn with_network() -> Self {
        let mut daemon = Self::start();
        let name = format!("cci2-{:x}", std::process::id());
        // a documentation range: Incus only looks for a free one where nothing is routed; another test's daemon may have
        // any part of it
        let made = (0..15).map(|part| (std::process::id() + part) % 15 * 16 + 1).any(|first| {
            let subnet = format!("ipv4.address=203.0.113.{first}/28");
            let create = ["network", "create", &name, &subnet, "ipv4.nat=true", "ipv6.address=none"];
            answer(daemon.client().args(create)).status.success()
        });
        assert!(made, "no part of 203.0.113.0/24 is free");
        daemon.network = Some(name.clone());
        let nic = format!("network={name}");
        daemon.incus(&["profile", "device", "add", "default", "eth0", "nic", &nic, "name=eth0"]);
        daemon
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("unix.socket")
    }

    /// The client's output.
    #[track_caller]
    pub fn incus(&self, args: &[&str]) -> String {
        let done = answer(self.client().args(args));
        assert!(done.status.success(), "incus {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn client(&self) -> Command {
        let mut client = Command::new("incus");
        client.env("INCUS_DIR", self.dir.path());
        client
    }

    /// Takes the tests' image over from the shared Incus.
    pub fn take_image(&self) {
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

    /// Kills it, as `kill -9` does.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with everything that it had.
    pub fn start_again(&mut self) {
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
        if let Some(network) = &self.network {
            let mut end = Command::new("sh");
            end.args(["-c", "incus profile device remove default eth0; incus network delete \"$1\"", "sh", network]);
            let _ = end.env("INCUS_DIR", self.dir.path()).output();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(network) = &self.network {
            // a daemon that could not delete its network has left the bridge
            let _ = Command::new("ip").args(["link", "delete", network]).output();
        }
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
