//! `install.sh`: from a bare program to Claude Code's version, from a release or a checkout, for an ordinary user and root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, ROOT, U1234, binary_dir, run, run_within};
use crate::support::machine;
use crate::support::screen::Screen;

/// What a release build may take on a busy machine.
const COMPILE: Duration = Duration::from_secs(14 * 60);
/// The same release profile in a third of the time: it is the way to the program that is tried here, not its speed.
const QUICK: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh");

/// The script outside of a checkout, and a place of releases beside it that holds the program under test.
struct Release {
    script: PathBuf,
    dir: PathBuf,
}

impl Release {
    fn of(host: &Host) -> Self {
        let dir = host.dir("release");
        let script = dir.join("install.sh");
        std::fs::copy(SCRIPT, &script).unwrap();
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let program = dir.join(format!("cci-linux-{arch}"));
        std::fs::copy(binary_dir().join("cci"), &program).unwrap();
        let sum = Command::new("sha256sum").arg(program.file_name().unwrap()).current_dir(&dir).output().unwrap();
        std::fs::write(program.with_extension("sha256"), sum.stdout).unwrap();
        Self { script, dir }
    }

    fn sum(&self) -> PathBuf {
        let mut files = std::fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "sha256")).unwrap()
    }

    fn url(&self) -> String {
        format!("file://{}", self.dir.display())
    }

    /// Runs the script as the host's user.
    #[track_caller]
    fn install(&self, host: &Host, args: &[&str]) -> Output {
        let mut command = host.command("sh");
        command.arg(&self.script).args(args).env("CCI_RELEASES", self.url());
        run(command, b"")
    }
}

fn prefix(host: &Host) -> (PathBuf, String) {
    let prefix = host.home.join("opt with blanks");
    let flag = format!("--prefix={}", prefix.display());
    (prefix.join("bin"), flag)
}

fn stamp(path: &Path) -> SystemTime {
    std::fs::symlink_metadata(path).unwrap().modified().unwrap()
}

/// Installs, sees Claude Code's version from inside a container, installs again and sees that nothing changed.
#[expect(clippy::print_stderr, reason = "how long it took is said")]
#[track_caller]
fn ends_with_claudes_version_and_does_nothing_the_second_time(host: &Host, bin: &Path, install: impl Fn() -> Output) {
    let out = install().ok();
    assert!(out.stdout.lines().last().is_some_and(|line| line.ends_with("(Claude Code)")), "{out}");
    assert_eq!(std::fs::read_link(bin.join("claude-code-isolated")).unwrap(), Path::new("cci"));
    host.wait_until_gone();

    let (before, stamps) = (machine::dump(), [stamp(bin), stamp(&bin.join("cci"))]);
    let began = Instant::now();
    let out = install().ok();
    let took = began.elapsed();
    assert!(out.stdout.lines().last().is_some_and(|line| line.ends_with("(Claude Code)")), "{out}");
    eprintln!("the second time: {:.1} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(15), "{took:?}: {out}");
    assert_eq!([stamp(bin), stamp(&bin.join("cci"))], stamps, "{out}");
    assert_eq!(machine::dump(), before);
    host.wait_until_gone();
}

#[test]
fn a_release_is_installed_in_a_users_own_directory() {
    let host = Host::live(U1234);
    let (release, (bin, flag)) = (Release::of(&host), prefix(&host));
    ends_with_claudes_version_and_does_nothing_the_second_time(&host, &bin, || {
        release.install(&host, &["--yes", &flag])
    });
    let out = release.install(&host, &["--uninstall", &flag]).ok();
    assert_eq!(std::fs::read_dir(&bin).unwrap().count(), 0, "{out}");
}

/// A copy of this checkout, as a stranger clones it, but with what was compiled before: a release takes minutes.
fn cloned() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let clone = target.join("stranger");
    let script = "rm -rf \"$0\" && mkdir -p \"$0\" && git ls-files -z --cached --others --exclude-standard |
        tar --null --ignore-failed-read --files-from=- -cf - | tar -C \"$0\" -xf - && ln -s \"$1\" \"$0/target\"";
    let mut copy = Command::new("sh");
    copy.args(["-c", script]).args([&clone, &target]).current_dir(env!("CARGO_MANIFEST_DIR"));
    run(copy, b"").ok();
    clone
}

#[test]
fn a_strangers_clone_is_built_and_installed() {
    let host = Host::live(ROOT);
    let (bin, flag) = prefix(&host);
    let script = cloned().join("install.sh");
    let given = |name: &str| std::env::var(name).unwrap_or_default();
    let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", given("PATH"));
    let toolchain = [("PATH", path), ("CARGO_HOME", given("CARGO_HOME")), ("RUSTUP_HOME", given("RUSTUP_HOME"))];
    let toolchain: Vec<_> = toolchain.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let install = |args: &[&str]| {
        let mut command = host.command("sh");
        command.arg(&script).args(args).arg(&flag).envs(toolchain.clone()).envs(QUICK);
        run_within(COMPILE, command, b"")
    };
    let out = install(&["--no-setup"]).ok();
    assert_eq!(out.stdout, "", "it did more than install the program: {out}");
    assert!(bin.join("cci").exists(), "{out}");
    ends_with_claudes_version_and_does_nothing_the_second_time(&host, &bin, || install(&["--yes"]));
    let out = install(&["--uninstall"]).ok();
    assert_eq!(std::fs::read_dir(&bin).unwrap().count(), 0, "{out}");
}

#[test]
fn on_a_terminal_it_ends_in_claude_codes_own_screen() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let release = Release::of(&host);
    let pairs: String = api.flags().chunks(2).map(|flag| flag[1].replacen('=', " = '", 1) + "'\n").collect();
    std::fs::create_dir_all(host.home.join(".config/cci")).unwrap();
    std::fs::write(host.home.join(".config/cci/config.toml"), format!("[defaults.environment]\n{pairs}")).unwrap();
    let screen = Screen::open(&host);
    screen.enter(&format!("export CCI_RELEASES={}", release.url()));
    screen.enter(&format!("clear; sh < {} -s -- --yes --prefix ~/.local", release.script.display()));
    screen.wait_for("bypass permissions", Duration::from_secs(60));
    screen.enter("hello from the installer");
    screen.wait_for("echo <hello from the installer>", Duration::from_secs(60));
}

#[test]
fn a_user_who_is_not_in_the_group_yet_gets_there_by_sudo() {
    // the machine's tables are not touched: this one command has an /etc of its own, where the user is nobody yet
    let host = Host::live(U1234);
    let release = Release::of(&host);
    let (layers, closed) = (host.dir("layers"), host.dir("closed"));
    std::os::unix::fs::chown(&closed, Some(0), Some(0)).unwrap();
    let script = format!(
        "set -e; mount -t tmpfs tmpfs {layers}; mkdir {layers}/upper {layers}/work
         mount -t overlay overlay -o lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work /etc
         gpasswd --delete cci1234 incus-admin; sed -i '/^cci1234:/d' /etc/subuid /etc/subgid
         echo 'cci1234 ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/cci; chmod 440 /etc/sudoers.d/cci
         exec setpriv --reuid=1234 --regid=4321 --init-groups sh {script} --yes --prefix {closed}/local",
        layers = layers.display(),
        script = release.script.display(),
        closed = closed.display(),
    );
    let before = machine::dump();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).env_clear().envs(host.environment()).current_dir(&host.proj);
    command.env("CCI_RELEASES", release.url());
    let out = run(command, b"").ok();
    for step in ["usermod --append --groups incus-admin cci1234", "add to /etc/subuid: cci1234:"] {
        assert!(out.stderr.contains(step), "{step} is missing in {out}");
    }
    assert!(out.stdout.lines().last().is_some_and(|line| line.ends_with("(Claude Code)")), "{out}");
    assert!(closed.join("local/bin/cci").exists(), "{out}");
    assert_eq!(machine::dump(), before, "the machine's own tables changed");
}

#[test]
fn a_damaged_download_installs_nothing() {
    let host = Host::live(U1234);
    let (release, (bin, flag)) = (Release::of(&host), prefix(&host));
    let wrong = "0".repeat(64);
    std::fs::write(release.sum(), format!("{wrong}  cci\n")).unwrap();
    let out = release.install(&host, &["--yes", &flag]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("error: SHA-256 of cci-linux-") && out.stderr.contains(&wrong), "{out}");
    assert!(!bin.exists(), "{out}");
}

#[test]
fn a_release_that_is_not_there_is_named() {
    let host = Host::live(U1234);
    let (release, (bin, flag)) = (Release::of(&host), prefix(&host));
    std::fs::remove_file(release.sum()).unwrap();
    let out = release.install(&host, &["--yes", &flag]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains(&format!("error: cannot download {}/cci-linux-", release.url())), "{out}");
    assert!(!bin.exists(), "{out}");
}

#[test]
fn an_unknown_flag_and_an_old_or_missing_rust_are_told() {
    let host = Host::live(U1234);
    // this checkout may lie where the user cannot go
    let checkout = host.dir("checkout");
    std::fs::create_dir_all(checkout.join("src/cci")).unwrap();
    for file in ["install.sh", "Cargo.toml", "src/cci/main.rs"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), checkout.join(file)).unwrap();
    }
    let with_path = |path: &Path, args: &[&str]| {
        let mut command = host.command("/bin/sh");
        command.arg(checkout.join("install.sh")).args(args).env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        run(command, b"")
    };
    let out = with_path(Path::new("/bin"), &["--frefix"]);
    assert_eq!((out.code, out.stdout.as_str()), (2, ""), "{out}");
    assert!(out.stderr.starts_with("error: unexpected argument '--frefix'\nhint: see "), "{out}");

    let out = with_path(Path::new("/bin"), &["--no-setup"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("hint: get Rust 1.89 or newer"), "{out}");

    let tools = host.dir("tools");
    for tool in ["cargo", "rustc"] {
        let path = tools.join(tool);
        std::fs::write(&path, "#!/bin/sh\necho \"$(basename $0) 1.63.0 (x)\"\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let out = with_path(&tools, &["--no-setup"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("error: Rust 1.63.0 is too old\nhint: get Rust 1.89 or newer"), "{out}");
}
