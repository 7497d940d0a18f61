//! `install.sh` where something that it needs is missing. The programs that change a machine are stand-ins which note
//! how they are called.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::support::host::{Host, Output, run};
use crate::support::pty::Pty;

/// What the host's own directories of programs do not lend.
const MISSING: [&str; 8] = ["cargo", "rust", "cc", "gcc", "apt-", "dpkg-query", "sudo", "curl"];

/// A machine without compiler, Rust and curl, where apt has a Rust of this version.
struct Machine {
    host: Host,
    bin: PathBuf,
    checkout: PathBuf,
}

impl Machine {
    fn with_rust_in_apt(version: &str) -> Self {
        let host = Host::hermetic();
        let (bin, checkout, installed) = (host.dir("bin"), host.dir("checkout"), host.dir("installed"));
        for program in std::fs::read_dir("/usr/bin").unwrap().map(|entry| entry.unwrap().path()) {
            let name = program.file_name().unwrap().to_str().unwrap();
            if !MISSING.iter().any(|missing| name.starts_with(missing)) {
                symlink(&program, bin.join(name)).unwrap();
            }
        }
        std::fs::create_dir_all(checkout.join("src/cci")).unwrap();
        for file in ["install.sh", "Cargo.toml", "src/cci/main.rs"] {
            std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), checkout.join(file)).unwrap();
        }
        let machine = Self { host, bin, checkout };
        machine.stand_in("apt-cache", &format!("echo '  Candidate: {version}'"));
        let install = "case $1 in install) cp \"$DIR\"/installed/* \"$DIR/bin\" ;; esac";
        machine.stand_in("apt-get", &format!("echo \"apt-get $*\" >> \"$DIR/log\"; {install}"));
        machine.stand_in("sudo", "exec \"$@\"");
        write(&installed, "rustc", "echo 'rustc 1.96.0 (x)'");
        write(&installed, "cc", "");
        let built = "mkdir -p target/release; cp \"$DIR/cci\" target/release/cci";
        write(&installed, "cargo", &format!("echo \"cargo $1\" >> \"$DIR/log\"; {built}"));
        write(&installed, "curl", "while [ \"$1\" != --output ]; do shift; done; cp \"$DIR/cci\" \"$2\"");
        let claude = "[ \"$1\" != run ] || echo '2.1.330 (Claude Code)'";
        write(machine.dir(), "cci", &format!("echo \"cci $1 $2\" >> \"$DIR/log\"; {claude}"));
        machine
    }

    /// One that has apt's newest.
    fn new() -> Self {
        Self::with_rust_in_apt("1.96.0+dfsg1-1~deb12u2")
    }

    fn dir(&self) -> &Path {
        self.bin.parent().unwrap()
    }

    /// A program that does this instead of the host's.
    fn stand_in(&self, name: &str, script: &str) {
        write(&self.bin, name, script);
    }

    /// Takes a program of what apt installs for one that is there already.
    fn has(&self, name: &str) {
        std::fs::copy(self.dir().join("installed").join(name), self.bin.join(name)).unwrap();
    }

    /// How the script is called.
    fn line(&self, flags: &str) -> String {
        let (dir, bin) = (self.dir().display(), self.bin.display());
        format!("DIR={dir} PATH={bin} sh {}/install.sh --prefix {dir}/opt {flags}", self.checkout.display())
    }

    /// Starts the script on a terminal, which shows how it exits.
    fn on_a_terminal(&self) -> Pty {
        let terminal = Pty::open(&self.host, "xterm-256color");
        terminal.enter(&format!("{}; echo \"exit=$?\"", self.line("")));
        terminal
    }

    /// Runs the script without a terminal.
    fn install(&self, flags: &str) -> Output {
        self.run(&self.line(flags))
    }

    fn run(&self, line: &str) -> Output {
        let mut command = self.host.command("setsid");
        command.args(["--wait", "sh", "-c", line]);
        run(command, b"")
    }

    /// What changed the machine.
    fn log(&self) -> String {
        std::fs::read_to_string(self.dir().join("log")).unwrap_or_default()
    }

    #[track_caller]
    fn is_refused(&self, flags: &str, error: &str, hint: &str) {
        let out = self.install(flags);
        assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
        assert!(out.stderr.ends_with(&format!("error: {error}\nhint: {hint}\n")), "{out}");
        assert_eq!(self.log(), "", "{out}");
    }
}

fn write(dir: &Path, name: &str, script: &str) {
    // what is there may be a link to the host's own program
    let _ = std::fs::remove_file(dir.join(name));
    std::fs::write(dir.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(dir.join(name), PermissionsExt::from_mode(0o755)).unwrap();
}

/// The packages with Rust in the distribution that the test runs on.
fn rust() -> &'static str {
    let os = std::fs::read_to_string("/etc/os-release").unwrap();
    let web = os.contains("\nID=debian\n") && (os.contains("VERSION_ID=\"12\"") || os.contains("VERSION_ID=\"13\""));
    if web { "rustc-web cargo-web" } else { "rustc cargo" }
}

/// What is done where everything was missing.
fn everything(last: &str) -> String {
    format!(
        "apt-get update\napt-get install --yes --no-install-recommends {} gcc libc6-dev\ncargo build\n\
         cci setup --yes\ncci build \n{last}\n",
        rust()
    )
}

#[test]
fn it_asks_for_the_rust_that_the_program_is_written_for() {
    let script = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh")).unwrap();
    assert!(script.contains(concat!("\nRUST=", env!("CARGO_PKG_RUST_VERSION"), "\n")), "RUST is another one");
}

#[test]
fn without_a_word_from_anybody_it_installs_what_it_needs_and_says_why() {
    let machine = Machine::new();
    let out = machine.install("--yes").ok();
    assert_eq!(out.stdout, "2.1.330 (Claude Code)\n", "{out}");
    for line in [
        format!("[install] missing: {} (Rust 1.89 or newer, in which cci is written)\n", rust()),
        "[install] missing: gcc libc6-dev (a C compiler, for some libraries and to link the program)\n".to_owned(),
    ] {
        assert!(out.stderr.contains(&line), "no {line} in {out}");
    }
    assert!(!out.stderr.contains("[y/N]"), "{out}");
    assert_eq!(machine.log(), everything("cci run --workspace"));
}

#[test]
fn it_asks_once_for_all_that_follows() {
    let machine = Machine::new();
    let terminal = machine.on_a_terminal();
    let asked = terminal.wait_for("Continue? [y/N] ");
    assert!(asked.contains(&format!("to do as root: apt-get update; apt-get install {}", rust())), "{asked}");
    assert!(asked.contains("then cci setup installs and configures Incus"), "{asked}");
    assert_eq!(machine.log(), "");
    terminal.enter("y");
    let all = terminal.wait_for("exit=0");
    assert_eq!(all.matches("[y/N]").count(), 1, "{all}");
    assert_eq!(machine.log(), everything("cci shell "));
}

#[test]
fn a_no_changes_nothing_and_names_another_way() {
    let machine = Machine::new();
    let terminal = machine.on_a_terminal();
    terminal.wait_for("Continue? [y/N] ");
    terminal.enter("");
    let all = terminal.wait_for("exit=1");
    assert!(all.contains("error: nothing was changed\r\nhint: get Rust 1.89 or newer: https://rustup.rs"), "{all}");
    assert_eq!(machine.log(), "");
}

#[test]
fn where_nobody_can_be_asked_nothing_is_installed() {
    let error = format!("cannot build cci without {} gcc libc6-dev, and nobody can be asked", rust());
    let hint = "let this script install them with --yes; or get Rust 1.89 or newer: https://rustup.rs, and install a C compiler";
    Machine::new().is_refused("", &error, hint);
}

#[test]
fn a_rust_of_apt_that_is_too_old_is_not_installed() {
    let machine = Machine::with_rust_in_apt("1.85.0+dfsg3-1~deb12u3");
    let error = "apt has only Rust 1.85.0+dfsg3-1~deb12u3, and cci needs 1.89";
    machine.is_refused("--yes", error, "get Rust 1.89 or newer: https://rustup.rs");
}

#[test]
fn the_distributions_old_rust_is_replaced() {
    let machine = Machine::new();
    machine.has("cc");
    machine.has("cargo");
    machine.stand_in("rustc", "echo 'rustc 1.63.0 (x)'");
    machine.stand_in("dpkg-query", "echo rustc");
    let out = machine.install("--yes").ok();
    assert!(out.stderr.contains("(Rust 1.89 or newer, in place of the distribution's 1.63.0)\n"), "{out}");
    assert!(machine.log().contains(&format!("--no-install-recommends {}\ncargo build\n", rust())), "{}", machine.log());
}

#[test]
fn an_old_rust_of_rustup_is_rustups_to_replace() {
    let machine = Machine::new();
    machine.has("cargo");
    machine.stand_in("rustc", "echo 'rustc 1.80.1 (x)'");
    machine.stand_in("rustup", "");
    machine.is_refused("--yes", "Rust 1.80.1 is too old", "rustup update stable && rustup default stable");
}

#[test]
fn a_compiler_alone_is_installed_alone() {
    let machine = Machine::new();
    machine.has("cargo");
    machine.has("rustc");
    let out = machine.install("--yes --no-setup").ok();
    assert_eq!(out.stdout, "", "{out}");
    let install = "apt-get install --yes --no-install-recommends gcc libc6-dev\n";
    assert_eq!(machine.log(), format!("apt-get update\n{install}cargo build\n"));
}

#[test]
fn without_apt_it_says_what_to_get() {
    let machine = Machine::new();
    std::fs::remove_file(machine.bin.join("apt-get")).unwrap();
    let error = format!("cannot build cci without {} gcc libc6-dev, and there is no apt here to install them", rust());
    let hint = "get Rust 1.89 or newer: https://rustup.rs, and install a C compiler";
    machine.is_refused("--yes", &error, hint);
}

#[test]
fn a_failure_of_apt_is_told() {
    let machine = Machine::new();
    machine.has("cargo");
    machine.has("rustc");
    machine.stand_in("apt-get", "echo 'E: it does not work' >&2; exit 100");
    let out = machine.install("--yes");
    assert_eq!(out.code, 1, "{out}");
    assert!(
        out.stderr.contains("E: it does not work\nerror: apt-get could not install gcc libc6-dev\nhint: "),
        "{out}"
    );
}

#[test]
fn curl_is_installed_for_a_release() {
    let machine = Machine::new();
    let script = machine.dir().join("install.sh");
    std::fs::copy(machine.checkout.join("install.sh"), &script).unwrap();
    let digest = machine.run(&format!("sha256sum {}/cci", machine.dir().display())).ok().stdout[..64].to_owned();
    let line = machine.line(&format!("--yes --no-setup --sha256 {digest}"));
    let line = line.replace(&machine.checkout.display().to_string(), &machine.dir().display().to_string());
    let out = machine.run(&line).ok();
    assert!(out.stderr.contains("[install] missing: curl (to download the release)\n"), "{out}");
    assert_eq!(machine.log(), "apt-get update\napt-get install --yes --no-install-recommends curl\n");
    assert!(machine.dir().join("opt/bin/cci").exists(), "{out}");
}
