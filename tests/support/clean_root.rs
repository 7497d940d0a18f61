//! A clean machine: a fresh Debian in a chroot with its own mounts, processes and network, removed after the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::host::{Output, binary_dir, files, image, run, run_within};
use super::wait;

/// What bootstraps and downloads leave here makes the next run short.
pub const CACHE: &str = "/var/cache/cci-tests";
/// A bootstrap, an installation from a slow mirror, or a release build and an image.
const LONG: Duration = Duration::from_secs(40 * 60);

/// One machine; dropping it ends everything in it.
pub struct CleanRoot {
    init: Child,
    /// Its first process, as this machine counts.
    pid: u32,
    dir: TempDir,
    began: Instant,
}

impl CleanRoot {
    /// A machine with this release of Debian, as small as it can be, and the program under test.
    pub fn of(suite: &str) -> Self {
        let machine = Self::bare(suite);
        std::fs::copy(binary_dir().join("cci"), machine.path("/usr/local/bin/cci")).unwrap();
        machine
    }

    /// One with nothing but Debian.
    pub fn bare(suite: &str) -> Self {
        let began = Instant::now();
        let system = system(suite);
        let dir = tempfile::Builder::new().prefix("cci-root-").tempdir_in(files()).unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        host(Command::new("tar").arg("-C").arg(&root).arg("-xf").arg(system));
        let mut init = Command::new("setpriv");
        init.args(["--pdeathsig=KILL", "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c"]);
        init.arg(include_str!("clean-root.sh")).arg("sh").arg(&root).arg(format!("{CACHE}/{suite}-debs"));
        let init = init.stdin(Stdio::null()).spawn().unwrap();
        let pid = wait::until("the clean machine is up", Duration::from_secs(60), || first_process(init.id()));
        let machine = Self { init, pid, dir, began };
        machine.connect();
        machine.took(&format!("a clean {suite}"));
        machine
    }

    /// Plugs it into this machine's network, whose addresses it borrows.
    fn connect(&self) {
        let (link, net) = (self.link(), self.pid % 250);
        let inside = format!("--net=/proc/{}/ns/net", self.pid);
        host(
            Command::new("ip")
                .args(["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns"])
                .arg(self.pid.to_string()),
        );
        for line in [format!("addr add 10.213.{net}.1/24 dev {link}"), format!("link set {link} up")] {
            host(Command::new("ip").args(line.split(' ')));
        }
        for line in [
            format!("addr add 10.213.{net}.2/24 dev eth0"),
            "link set eth0 up".to_owned(),
            format!("route add default via 10.213.{net}.1"),
        ] {
            host(Command::new("nsenter").args([&inside, "ip"]).args(line.split(' ')));
        }
        let rules = format!(
            "table ip {link} {{ chain post {{ type nat hook postrouting priority srcnat;
             ip saddr 10.213.{net}.0/24 oifname != {link} masquerade; }}; }}"
        );
        host(Command::new("nft").arg(rules));
    }

    fn link(&self) -> String {
        format!("ccir{}", self.pid)
    }

    /// Says how far it is, for whoever wonders what takes long.
    #[expect(clippy::print_stderr, reason = "what takes long is said")]
    pub fn took(&self, what: &str) {
        eprintln!("{:6.1} s: {what}", self.began.elapsed().as_secs_f64());
    }

    /// A file of the machine, by its path there.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join("root").join(inside.trim_start_matches('/'))
    }

    /// Runs a shell's line as the machine's root.
    #[track_caller]
    pub fn root(&self, line: &str) -> Output {
        self.enter(&["sh", "-c", line])
    }

    /// Runs a shell's line in a login of a user of the machine.
    #[track_caller]
    pub fn user(&self, name: &str, line: &str) -> Output {
        self.enter(&["su", "--login", name, "--command", line])
    }

    #[track_caller]
    fn enter(&self, argv: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.pid)).args(["--mount", "--pid", "--net", "--root", "--wd"]).args(argv);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/root").env("LANG", "C.UTF-8");
        run_within(LONG, command, b"")
    }

    /// Puts a copy of this checkout into `/root/cci`, as git has it, with what cargo has already downloaded here.
    pub fn check_out(&self, from: &Path) {
        let (to, registry) = (self.path("/root/cci"), self.path("/root/.cargo/registry"));
        for dir in [&to, &registry] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let files = "cd \"$0\" && git ls-files -z --cached --others --exclude-standard |
            tar --null --ignore-failed-read --files-from=- -cf - | tar -C \"$1\" -xf -";
        host(Command::new("sh").args(["-c", files]).args([from, &to]));
        for part in ["cache", "index"] {
            let downloaded = cargo_home().join("registry").join(part);
            if downloaded.exists() {
                host(Command::new("cp").arg("-a").arg(downloaded).arg(&registry));
            }
        }
    }

    /// Lets cargo optimize no library either: each has its own level in the release profile of the checkout.
    pub fn optimizes_nothing(&self) {
        let manifest = std::fs::read_to_string(self.path("/root/cci/Cargo.toml")).unwrap();
        let packages = manifest.lines().filter(|line| line.starts_with("[profile.release.package."));
        let levels: String = packages.flat_map(|package| [package, "\nopt-level = 0\n"]).collect();
        std::fs::write(self.path("/root/.cargo/config.toml"), levels).unwrap();
    }

    /// Gives its Incus the image that this machine has, rather than building one for minutes.
    pub fn import_image(&self) {
        let files = self.path("/var/tmp/image");
        std::fs::create_dir(&files).unwrap();
        host(Command::new("incus").args(["image", "export", "--quiet", &image()]).arg(files.join("image")));
        self.root("incus image import --quiet /var/tmp/image/* --alias cci").ok();
        std::fs::remove_dir_all(files).unwrap();
        self.took("the image is imported");
    }
}

impl Drop for CleanRoot {
    fn drop(&mut self) {
        // its first process goes with this one, and everything else with that
        let _ = self.init.kill();
        let _ = self.init.wait();
        let _ = Command::new("nft").args(["delete", "table", "ip", &self.link()]).output();
    }
}

/// Where cargo keeps what it has downloaded.
fn cargo_home() -> PathBuf {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"))
}

/// The tarball of a release, bootstrapped once.
fn system(suite: &str) -> PathBuf {
    let tarball = Path::new(CACHE).join(format!("{suite}.tar"));
    if !tarball.exists() {
        std::fs::create_dir_all(CACHE).unwrap();
        let made = tempfile::Builder::new().prefix(suite).suffix(".tar").tempfile_in(CACHE).unwrap();
        // its own mounts, as in `base::tarball`
        let mut bootstrap = Command::new("unshare");
        bootstrap
            .args(["--mount", "mmdebstrap", "--variant=minbase", "--dpkgopt=force-unsafe-io", suite])
            .arg(made.path());
        run_within(LONG, bootstrap, b"").ok();
        made.persist(&tarball).unwrap();
    }
    tarball
}

/// The one child of a process, once it has made its machine ready.
fn first_process(parent: u32) -> Result<u32, String> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let pid = children.map_err(|error| error.to_string())?.trim().parse().map_err(|_| "no process yet".to_owned())?;
    let ready = PathBuf::from(format!("/proc/{pid}/root/run/machine"));
    if ready.exists() { Ok(pid) } else { Err(format!("{} is not there", ready.display())) }
}

/// Runs a program of this machine that has to succeed.
#[track_caller]
fn host(command: &mut Command) {
    let mut taken = Command::new(command.get_program());
    taken.args(command.get_args());
    run(taken, b"").ok();
}
