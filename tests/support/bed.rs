//! An isolated world: a second Incus daemon in a network namespace that leads only to a stand-in internet.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::host::{Host, User, answer};
use super::internet::{NEAR, PUBLIC, SERVER, Sockets};
use super::names::{HOSTS, SEARCH, serve};
use super::{wait, web};

const PROGRAMS: [&str; 3] = ["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/lib/incus/incusd"];

/// Where the internet's addresses of the sixth version are, and a private one.
pub const PUBLIC6: &str = "2001:db8:51::10";
pub const PRIVATE6: &str = "fd99::10";
/// The host's own addresses on the way there.
pub const HOST_SIDE: &str = "198.51.100.1";
pub const HOST_SIDE6: &str = "2001:db8:51::1";

/// The host's side: its own interfaces in `/sys`, a way to the internet's namespace, whose process is `$1`, and the files
/// of `$3` that say who knows names.
const WIRE: &str = "set -e
ip link set lo up
dir=$(mktemp -d); mount --rbind /sys/fs/cgroup $dir
mount -t sysfs sysfs /sys; mount --rbind $dir /sys/fs/cgroup; umount -R $dir; rmdir $dir
ip link add inet0 type veth peer name eth0 netns $1
ip addr add 198.51.100.1/24 dev inet0; ip -6 addr add 2001:db8:51::1/64 dev inet0 nodad; ip link set inet0 up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for address in $2; do ip route replace $address via 198.51.100.10; done
ip -6 route add fd99::/64 via 2001:db8:51::10
for file in resolv.conf hosts; do mount --bind $3/$file /etc/$file; done
exec sleep infinity";

/// The internet's side.
const INTERNET: &str = "set -e
until ip link show eth0 >/dev/null 2>&1; do read -t 0.05 < /dev/zero || true; done
ip link set lo up; ip addr add 198.51.100.10/24 dev eth0; ip -6 addr add 2001:db8:51::10/64 dev eth0 nodad; ip link set eth0 up
for address in $1; do ip addr add $address/32 dev lo; done
ip -6 addr add fd99::10/128 dev lo nodad
ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:51::1
exec sleep infinity";

/// A daemon of its own with the tests' image and a network with both versions of IP.
pub struct Bed {
    daemon: Option<Child>,
    host: Child,
    internet: Child,
    names: Option<Child>,
    dir: tempfile::TempDir,
}

impl Bed {
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("cci-bed-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        std::fs::write(dir.path().join("resolv.conf"), format!("nameserver {SERVER}\nsearch {SEARCH}\n")).unwrap();
        std::fs::write(dir.path().join("hosts"), HOSTS).unwrap();
        let addresses = NEAR.into_iter().chain(PUBLIC).collect::<Vec<_>>().join(" ");
        let internet = spawn(Command::new("unshare").args(["--net", "bash", "-c", INTERNET, "bash", &addresses]));
        let pid = internet.id().to_string();
        let files = dir.path().display().to_string();
        let space =
            ["--net", "--mount", "--propagation", "slave", "bash", "-c", WIRE, "bash", &pid, &addresses, &files];
        wait::until("the internet's namespace", Duration::from_secs(30), || apart(&pid));
        let host = spawn(Command::new("unshare").args(space));
        let mut bed = Self { daemon: None, host, internet, names: None, dir };
        wait::until("the way to the internet", Duration::from_secs(30), || {
            let route = |pid: u32| {
                let args = ["-t", &pid.to_string(), "-n", "ip", "-6", "route", "show", "root", "::/0"];
                let output = Command::new("nsenter").args(args).output().unwrap();
                String::from_utf8_lossy(&output.stdout).into_owned()
            };
            // the last step of each side
            let (ours, theirs) = (route(bed.host.id()), route(bed.internet.id()));
            let is_there = ours.contains("fd99::/64") && theirs.contains("default");
            if is_there { Ok(()) } else { Err(format!("{ours}\n{theirs}")) }
        });
        bed.names = Some(serve(bed.internet.id(), bed.dir.path()));
        bed.start_daemon();
        bed.furnish();
        bed
    }

    /// A pool, a network and the image.
    fn furnish(&self) {
        self.incus(&["storage", "create", "default", "btrfs", "size=8GiB"]);
        let network = ["network", "create", "incusbr0", "ipv4.address=10.77.7.1/24", "ipv4.nat=true"];
        self.incus(&[&network[..], &["ipv6.address=fd77:7::1/64", "ipv6.nat=true"]].concat());
        self.incus(&["profile", "device", "add", "default", "root", "disk", "path=/", "pool=default"]);
        self.incus(&["profile", "device", "add", "default", "eth0", "nic", "network=incusbr0", "name=eth0"]);
        let file = self.dir.path().join("image");
        let file = file.to_str().unwrap();
        super::host::incus(&["image", "export", &super::host::image(), file, "--quiet"]);
        let made = [
            format!("{file}.tar.zst"),
            format!("{file}.tar.gz"),
            format!("{file}.tar.xz"),
            format!("{file}.tar"),
            file.to_owned(),
        ];
        let made = made.iter().find(|path| Path::new(path).exists()).expect("an exported image");
        self.incus(&["image", "import", made, "--alias", &super::host::image(), "--quiet"]);
        std::fs::remove_file(made).unwrap();
    }

    fn start_daemon(&mut self) {
        let program = PROGRAMS.into_iter().find(|program| Path::new(program).exists()).expect("the program incusd");
        let log = self.dir.path().join("daemon.log");
        let mut command = self.enter(program);
        command.args(["--group", "incus-admin", "--logfile"]).arg(log);
        self.daemon = Some(spawn(command.env("INCUS_DIR", self.incus_dir())));
        let mut ready = self.enter(program);
        ready.args(["waitready", "--timeout", "60"]).env("INCUS_DIR", self.incus_dir());
        wait::until("the second daemon", Duration::from_secs(90), || match ready.output().unwrap() {
            output if output.status.success() => Ok(()),
            output => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        });
    }

    /// Kills the daemon as a crash would, and starts it again.
    pub fn crash_and_restart(&mut self) {
        self.daemon.take().into_iter().for_each(end);
        self.start_daemon();
    }

    /// Takes away what a loss of power takes: every process, rule and interface but those of the bed; then starts Incus.
    pub fn power_cycle(&mut self) {
        let list: serde_json::Value = serde_json::from_str(&self.incus(&["list", "-f", "json"])).unwrap();
        let containers = list.as_array().unwrap().iter().filter_map(|one| one["state"]["pid"].as_i64());
        let inits: Vec<i32> = containers.map(|pid| i32::try_from(pid).unwrap()).filter(|pid| *pid > 1).collect();
        // the daemon and the containers' monitors first: nobody is there to put things in order
        self.daemon.take().into_iter().for_each(end);
        let holder = i32::try_from(self.host.id()).unwrap();
        self.processes().into_iter().filter(|pid| *pid != holder).chain(inits).for_each(kill);
        let bare = "nft flush ruleset; for link in $(ls /sys/class/net); do
            case $link in lo | inet0) ;; *) ip link delete $link 2>/dev/null || : ;; esac; done";
        self.command("sh", &["-c", bare]);
        self.start_daemon();
    }

    /// The processes in this world's network namespace: the daemon, name servers, monitors.
    fn processes(&self) -> Vec<i32> {
        let space = |of: &Path| std::fs::read_link(of.join("ns/net")).ok();
        let own = space(Path::new("/proc/self"));
        let of_host = space(&Path::new("/proc").join(self.host.id().to_string()));
        // what this test is in itself has every process of the machine
        let Some(of_host) = of_host.filter(|of_host| own.is_some_and(|own| own != *of_host)) else { return Vec::new() };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = processes.filter(|entry| space(&entry.path()).is_some_and(|of| of == of_host));
        ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    fn incus_dir(&self) -> PathBuf {
        self.dir.path().join("incus")
    }

    /// A command in this world.
    fn enter(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.host.id().to_string(), "-n", "-m", "--", program]);
        std::fs::create_dir_all(self.incus_dir()).unwrap();
        command
    }

    /// Writes a file that says who knows names, in place: what is mounted is this one.
    pub fn write(&self, file: &str, content: &str) {
        std::fs::write(self.dir.path().join(file), content).unwrap();
    }

    /// A user's home in this world.
    pub fn host(&self, user: User) -> Host {
        Host::new(user).at_socket(self.incus_dir().join("unix.socket")).within(self.host.id())
    }

    /// The Incus client of this world.
    #[track_caller]
    pub fn incus(&self, args: &[&str]) -> String {
        self.command("incus", args)
    }

    /// What a program prints in this world.
    #[track_caller]
    pub fn command(&self, program: &str, args: &[&str]) -> String {
        self.attempt(program, args).unwrap_or_else(|error| panic!("{program} {args:?}: {error}"))
    }

    /// The same, or what it complains about.
    pub fn attempt(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let output = answer(self.enter(program).args(args).env("INCUS_DIR", self.incus_dir()));
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// The Incus client, not waited for.
    pub fn spawn_incus(&self, args: &[&str]) -> Child {
        let mut command = self.enter("incus");
        command.args(args).env("INCUS_DIR", self.incus_dir()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Answers on every address of the internet.
    pub fn serve_on_internet(&self) -> u16 {
        let all: Vec<&str> = NEAR.into_iter().chain(PUBLIC).chain([PUBLIC6, PRIVATE6]).collect();
        inside(&self.internet, move || Sockets::bind("[::]", &all)).answer()
    }

    /// Answers as a server of the web on every address of the internet, until the test ends.
    pub fn serve_the_web(&self) {
        web::answer_all(inside(&self.internet, || TcpListener::bind("[::]:80").unwrap()));
    }

    /// The same on the host's own address on the way there.
    pub fn serve_the_web_on_host(&self) {
        web::answer_all(inside(&self.host, || TcpListener::bind((HOST_SIDE, 80)).unwrap()));
    }

    /// Answers on one address of the host, or on each where it is the unspecified one.
    pub fn serve_on_host(&self, address: &'static str) -> u16 {
        let listen = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        inside(&self.host, move || Sockets::bind(&listen, &[address])).answer()
    }

    /// Whether the host itself reaches a port.
    pub fn host_reaches(&self, address: String, port: u16) -> bool {
        inside(&self.host, move || std::net::TcpStream::connect((address.as_str(), port)).is_ok())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let list =
            self.enter("incus").args(["list", "-f", "csv", "-c", "n"]).env("INCUS_DIR", self.incus_dir()).output();
        let names = list.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for name in names.lines() {
            let _ = self.enter("incus").args(["delete", "-f", name]).env("INCUS_DIR", self.incus_dir()).output();
        }
        // the name servers and whatever else the daemon left
        self.processes().into_iter().for_each(kill);
        let (names, daemon) = (self.names.as_mut(), self.daemon.as_mut());
        for child in [Some(&mut self.internet), names, Some(&mut self.host), daemon].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Ends a process, but never this one.
fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|pid| *pid != rustix::process::getpid()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether a process has left this test's network namespace.
fn apart(pid: &str) -> Result<(), String> {
    let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).map_err(|error| error.to_string());
    if of(pid)? == of("self")? { Err("not yet".to_owned()) } else { Ok(()) }
}

/// Does something with a thread in the network namespace of a process; sockets made there stay there.
fn inside<T: Send + 'static>(process: &Child, work: impl FnOnce() -> T + Send + 'static) -> T {
    let space = format!("/proc/{}/ns/net", process.id());
    std::thread::spawn(move || {
        let there = File::open(space).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    })
    .join()
    .unwrap()
}
