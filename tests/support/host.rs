//! A hermetic host: own home, own container prefix, own Incus project, cleared environment, a real user.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// No single command of a test takes longer.
const LIMIT: Duration = Duration::from_secs(240);

/// Who runs cci.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub name: &'static str,
    pub uid: u32,
    pub gid: u32,
}

/// The caller that most people are.
pub const U1000: User = User { name: "cci1000", uid: 1000, gid: 1000 };
/// A caller whose uid and gid differ from each other and from everybody's.
pub const U1234: User = User { name: "cci1234", uid: 1234, gid: 4321 };
/// The administrator.
pub const ROOT: User = User { name: "root", uid: 0, gid: 0 };

/// What a command left.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub raw: Vec<u8>,
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.stdout.is_empty() {
            write!(out, "----- stdout -----\n{}", self.stdout)?;
        }
        if !self.stderr.is_empty() {
            write!(out, "----- stderr -----\n{}", self.stderr)?;
        }
        write!(out, "[exit {}]", self.code)
    }
}

impl Output {
    /// The output of a command that had to succeed.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }
}

/// One test's world; dropping it removes every container and file that it made.
pub struct Host {
    pub user: User,
    pub prefix: String,
    pub home: PathBuf,
    pub proj: PathBuf,
    pub project: String,
    socket: Option<PathBuf>,
    /// The process in whose network and mount namespaces commands run.
    within: Option<u32>,
    dir: tempfile::TempDir,
}

/// The Incus project of this run: `tests/run` names and removes it; a single test by hand works in one of its own name.
pub fn project() -> String {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let name = std::env::var("CCI_TEST_PROJECT").unwrap_or_else(|_| "cci-test".to_owned());
        let known = Command::new("incus").args(["project", "show", &name]).output();
        let known = known.expect("the tests need a running Incus: `cci setup` installs it, `tests/run` does it all");
        if !known.status.success() {
            let features =
                ["features.images", "features.profiles", "features.storage.volumes", "features.storage.buckets"];
            let mut create = Command::new("incus");
            create.args(["project", "create", &name]);
            for feature in features {
                create.args(["-c", &format!("{feature}=false")]);
            }
            // another test process may be quicker: then it is there, which is what is wanted
            let _ = create.output();
        }
        name
    })
    .clone()
}

impl Host {
    pub fn new(user: User) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("cci-test-").tempdir_in(files()).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (home, proj) = (dir.path().join("home"), dir.path().join("proj"));
        for path in [&home, &proj] {
            std::fs::create_dir(path).unwrap();
            chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
        let prefix = format!("t{:x}n{number}-", std::process::id());
        Self { user, prefix, home, proj, project: String::new(), socket: None, within: None, dir }
    }

    /// A host that talks to the real Incus in the tests' project.
    pub fn live(user: User) -> Self {
        let mut host = Self::new(user);
        host.project = project();
        host
    }

    /// A second user in the same world: same prefix and project directory, a home of its own.
    pub fn with_user(&self, user: User) -> Self {
        let mut other = Self::live(user);
        other.prefix.clone_from(&self.prefix);
        other.proj.clone_from(&self.proj);
        other
    }

    /// The same user with another project directory.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        chown(&path, Some(self.user.uid), Some(self.user.gid)).unwrap();
        path
    }

    /// Talks to another socket.
    pub fn at_socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = Some(socket.into());
        self
    }

    /// Runs its commands in the network and mount namespaces of a process.
    pub fn within(mut self, pid: u32) -> Self {
        self.within = Some(pid);
        self
    }

    /// The environment of every command, as `NAME=value`.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut env = vec![
            ("PATH".to_owned(), format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", binary_dir().display())),
            ("HOME".to_owned(), self.home.display().to_string()),
            ("TERM".to_owned(), "xterm-256color".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("CCI_CONTAINER_PREFIX".to_owned(), self.prefix.clone()),
            ("CCI_IMAGE".to_owned(), image()),
        ];
        if !self.project.is_empty() {
            env.push(("INCUS_PROJECT".to_owned(), self.project.clone()));
        }
        if let Some(socket) = &self.socket {
            env.push(("INCUS_SOCKET".to_owned(), socket.display().to_string()));
        }
        env
    }

    /// A command as the user, in the project directory, with nothing of the tests' own environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Some(pid) = self.within {
            words.extend(["nsenter", "-t", &pid.to_string(), "-n", "-m", "--", "env", "-C"].map(Into::into));
            words.push(self.proj.clone().into());
        }
        if self.user != ROOT {
            let (uid, gid) = (format!("--reuid={}", self.user.uid), format!("--regid={}", self.user.gid));
            words.extend(["setpriv", &uid, &gid, "--groups=incus-admin", "--"].map(Into::into));
        }
        words.push(program.as_ref().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.env_clear().envs(self.environment()).current_dir(&self.proj).process_group(0);
        command
    }

    /// `cci` with these arguments.
    pub fn cci_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(binary_dir().join("cci"));
        command.args(args);
        command
    }

    /// Runs `cci` to its end, with nothing to read.
    #[track_caller]
    pub fn cci(&self, args: &[&str]) -> Output {
        self.cci_with(args, &[], b"")
    }

    /// The same with further environment and something to read.
    #[track_caller]
    pub fn cci_with(&self, args: &[&str], env: &[(&str, &str)], stdin: &[u8]) -> Output {
        let mut command = self.cci_command(args);
        command.envs(env.iter().copied());
        run(command, stdin)
    }

    /// Approves the project file as it is, as somebody does who has seen its hash.
    #[track_caller]
    pub fn trust(&self) {
        let shown = self.cci(&["config", "trust", "--show", "--format", "json"]).ok().stdout;
        let hash = shown.split("\"hash\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        self.cci(&["config", "trust", "--hash", hash]).ok();
    }

    /// What is left of containers with this host's prefix.
    pub fn containers(&self) -> Vec<String> {
        let list = incus(&["list", "--project", &self.project, "-f", "csv", "-c", "n"]);
        list.lines().filter(|name| name.starts_with(&self.prefix)).map(str::to_owned).collect()
    }

    /// The only container there is.
    #[track_caller]
    pub fn only_container(&self) -> String {
        let all = self.containers();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    /// Waits until Incus has removed every container of this host.
    #[track_caller]
    pub fn wait_until_gone(&self) {
        super::wait::until("no container is left", Duration::from_secs(30), || {
            let left = self.containers();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }

    /// Removes every container with this host's prefix; what cannot be is left.
    pub fn remove_containers(&self) {
        for name in self.containers() {
            let _ = Command::new("incus").args(["delete", "-f", "--project", &self.project, &name]).output();
        }
    }

    /// The sessions on the disk.
    pub fn sessions(&self) -> Vec<String> {
        let dir = std::fs::read_dir(self.home.join(".cci/sessions-claude"));
        dir.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.project.is_empty() {
            return;
        }
        self.remove_containers();
    }
}

/// The image that live tests launch: the standard one.
pub fn image() -> String {
    std::env::var("CCI_TEST_IMAGE").unwrap_or_else(|_| "cci".to_owned())
}

/// Where tests keep their files: `tests/run` names a directory that it removes, also when a test was killed.
pub fn files() -> PathBuf {
    std::env::var_os("CCI_TEST_DIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

/// Where the binary under test is, readable for every user: the one that `tests/run` put there, else the one cargo built.
pub fn binary_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let given = files().join("bin");
        if given.join("cci").exists() { given } else { staged(Path::new(env!("CARGO_BIN_EXE_cci"))) }
    })
    .clone()
}

/// A copy outside of `/root` and of directories that only one user can enter.
fn staged(built: &Path) -> PathBuf {
    let stamp = std::fs::metadata(built).unwrap().modified().unwrap();
    let stamp = stamp.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let dir = PathBuf::from(format!("/var/tmp/cci-test-bin-{stamp:x}"));
    if !dir.join("cci").exists() {
        let staged = PathBuf::from(format!("/var/tmp/cci-test-bin-{stamp:x}.{}", std::process::id()));
        std::fs::create_dir_all(&staged).unwrap();
        std::fs::copy(built, staged.join("cci")).unwrap();
        std::fs::set_permissions(&staged, PermissionsExt::from_mode(0o755)).unwrap();
        // another test process may have put the same bytes there first
        if std::fs::rename(&staged, &dir).is_err() {
            std::fs::remove_dir_all(&staged).unwrap();
        }
    }
    dir
}

/// The socket of the Incus that the tests share.
pub fn daemon_socket() -> PathBuf {
    let candidates = ["/run/incus/unix.socket", "/var/lib/incus/unix.socket"];
    let there = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    there.expect("the tests need a running Incus")
}

/// Runs a command to its end within the limit; its process group is ended otherwise.
#[track_caller]
pub fn run(command: Command, stdin: &[u8]) -> Output {
    run_within(LIMIT, command, stdin)
}

/// The same with a limit of its own, for what compiles or downloads.
#[track_caller]
pub fn run_within(limit: Duration, mut command: Command, stdin: &[u8]) -> Output {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let (mut input, stdin) = (child.stdin.take().unwrap(), stdin.to_vec());
    // a command that does not read its input ends all the same
    let feed = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = ended(&mut child, &shown, limit);
    feed.join().unwrap();
    let (raw, errors) = (stdout.join().unwrap(), stderr.join().unwrap());
    Output {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&raw).into_owned(),
        stderr: String::from_utf8_lossy(&errors).into_owned(),
        raw,
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).unwrap();
        all
    })
}

#[track_caller]
fn ended(child: &mut Child, shown: &str, limit: Duration) -> std::process::ExitStatus {
    let began = Instant::now();
    super::wait::until(shown, limit + Duration::from_secs(10), || {
        if began.elapsed() > limit {
            kill_group(child);
        }
        child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
    })
}

/// Ends a command of ours with everything that it started.
pub fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// The Incus client, to look at what cci did with other eyes.
#[track_caller]
pub fn incus(args: &[&str]) -> String {
    loop {
        let output = Command::new("incus").args(args).output().expect("the tests need the Incus client");
        let error = String::from_utf8_lossy(&output.stderr);
        // under load Incus gives a command up before it has begun
        if !error.contains("Failed to retrieve PID") {
            assert!(output.status.success(), "incus {args:?}: {error}");
            return String::from_utf8(output.stdout).unwrap();
        }
    }
}
