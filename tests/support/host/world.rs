//! One test's world: a home, a project directory, a container prefix, a cleared environment.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::binary::{binary_dir, built_dir, files, image};
use super::incus::{incus, project};
use super::run::{Output, run};
use super::supervisor;
use super::user::User;
use crate::wait;

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

impl Host {
    /// A host without Incus, for whoever runs the tests.
    pub fn hermetic() -> Self {
        Self::new(User::caller()).at_socket("/nonexistent/unix.socket")
    }

    pub fn new(user: User) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("cci-test-").tempdir_in(files()).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (home, proj) = (dir.path().join("home"), dir.path().join("proj"));
        for path in [&home, &proj] {
            std::fs::create_dir(path).unwrap();
            chown(path, Some(user.uid), Some(user.gid())).unwrap();
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
        chown(&path, Some(self.user.uid), Some(self.user.gid())).unwrap();
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

    /// Where its commands find the program under test: another user than the caller may not reach where cargo has built it.
    fn binary_dir(&self) -> PathBuf {
        if self.project.is_empty() { built_dir() } else { binary_dir() }
    }

    /// The environment of every command, as `NAME=value`.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut env = vec![
            (
                "PATH".to_owned(),
                format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", self.binary_dir().display()),
            ),
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
        words.extend(self.user.prefix().into_iter().map(Into::into));
        words.push(program.as_ref().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.env_clear().envs(self.environment()).current_dir(&self.proj).process_group(0);
        command
    }

    /// `cci` with these arguments.
    pub fn cci_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(self.binary_dir().join("cci"));
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
        self.own(&incus(&self.list()))
    }

    fn list(&self) -> [&str; 7] {
        ["list", "--project", &self.project, "-f", "csv", "-c", "n"]
    }

    fn own(&self, listed: &str) -> Vec<String> {
        listed.lines().filter(|name| name.starts_with(&self.prefix)).map(str::to_owned).collect()
    }

    /// The only container there is.
    #[track_caller]
    pub fn only_container(&self) -> String {
        let all = self.containers();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    /// A container whose root has done this in the workspace. It still runs: its host ids cannot be given to another
    /// user's container, whose what a test hands over to them later would be.
    pub fn made_by_root(&self, script: &str) -> String {
        self.cci(&["shell", "--background", "--debug"]).ok();
        let name = self.only_container();
        self.cci(&["container", "exec", &name, "--", "sh", "-c", &format!("cd /workspace; {script}")]).ok();
        name
    }

    /// Waits until Incus has removed every container of this host; gigabytes on a busy disk take it a while.
    #[track_caller]
    pub fn wait_until_gone(&self) {
        wait::until("no container is left", Duration::from_secs(120), || {
            let left = self.containers();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }

    /// Removes every container with this host's prefix; what cannot be is left. It never panics: at the end of a test that
    /// has failed, nothing of what the test started would be ended any more.
    pub fn remove_containers(&self) {
        let listed = Command::new("incus").args(self.list()).output().map(|out| out.stdout).unwrap_or_default();
        for name in self.own(&String::from_utf8_lossy(&listed)) {
            let _ = Command::new("incus").args(["delete", "-f", "--project", &self.project, &name]).output();
        }
    }

    /// What the checkpoints of this host's workspaces hold of containers, by name; there is no project of them before the
    /// first.
    pub fn roots(&self) -> Vec<String> {
        let project = format!("{}-checkpoints", self.project);
        let columns = ["list", "--project", &project, "-f", "csv", "-c", "n,user.cci.workspace"];
        let list = Command::new("incus").args(columns).output().expect("the tests need the Incus client");
        let (list, own) = (String::from_utf8_lossy(&list.stdout).into_owned(), self.dir.path().display().to_string());
        let lines = list.lines().filter_map(|line| line.split_once(','));
        lines.filter(|(_, workspace)| workspace.starts_with(&own)).map(|(name, _)| name.to_owned()).collect()
    }

    /// Removes them.
    pub fn remove_roots(&self) {
        let project = format!("{}-checkpoints", self.project);
        for name in self.roots() {
            let _ = Command::new("incus").args(["delete", "-f", "--project", &project, &name]).output();
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
        // nothing of it may be taking a checkpoint meanwhile
        supervisor::end(&self.home);
        if !self.project.is_empty() {
            self.remove_containers();
            self.remove_roots();
        }
    }
}
