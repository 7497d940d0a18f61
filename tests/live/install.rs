//! `install.sh` with a release: from a bare program to Claude Code's version. A checkout is built in `clean_root`.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1234, binary_dir, run};
use crate::support::https::Https;
use crate::support::machine;
use crate::support::screen::Screen;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh");

/// The script outside of a checkout, and a place of releases that holds the program under test.
struct Release {
    script: PathBuf,
    place: Https,
    /// The name of the program there.
    name: String,
    /// Its SHA-256, as a person knows it from elsewhere.
    digest: String,
}

impl Release {
    fn of(host: &Host) -> Self {
        Self::with(host, &std::fs::read(binary_dir().join("cci")).unwrap())
    }

    /// The same with another program.
    fn with(host: &Host, program: &[u8]) -> Self {
        let script = host.dir("release").join("install.sh");
        std::fs::copy(SCRIPT, &script).unwrap();
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let (place, name) = (Https::start(host.dir("place")), format!("cci-linux-{arch}"));
        place.put(&name, program);
        let digest = run(Command::new("sha256sum"), program).ok().stdout[..64].to_owned();
        Self { script, place, name, digest }
    }

    /// Where the release is, whom to trust that it is there, and what it must be.
    fn environment(&self) -> [(&'static str, String); 3] {
        let certificate = self.place.certificate.display().to_string();
        [("CCI_RELEASES", self.place.url.clone()), ("CURL_CA_BUNDLE", certificate), ("CCI_SHA256", self.digest.clone())]
    }

    /// Runs the script as the host's user.
    #[track_caller]
    fn install(&self, host: &Host, args: &[&str]) -> Output {
        self.install_with(host, args, &[])
    }

    /// The same with another environment; an empty value is none.
    #[track_caller]
    fn install_with(&self, host: &Host, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = host.command("sh");
        command.arg(&self.script).args(args).envs(self.environment()).envs(env.iter().copied());
        run(command, b"")
    }

    /// Nothing was installed, and this is why.
    #[track_caller]
    fn is_refused(&self, host: &Host, args: &[&str], env: &[(&str, &str)], code: i32, why: &str) {
        let (bin, flag) = prefix(host);
        let out = self.install_with(host, &[&["--yes", "--no-setup", &flag], args].concat(), env);
        assert_eq!(out.code, code, "{out}");
        assert!(out.stderr.contains(why) && out.stderr.contains("\nhint: "), "{why} is missing in {out}");
        assert!(!bin.exists(), "{out}");
    }
}

/// A server of plain HTTP, where nobody should ask.
struct Plain(TcpListener);

impl Plain {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    #[track_caller]
    fn was_not_asked(&self) {
        assert_eq!(self.0.accept().map(drop).unwrap_err().kind(), ErrorKind::WouldBlock);
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

#[test]
fn on_a_terminal_it_ends_in_claude_codes_own_screen() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let release = Release::of(&host);
    let pairs: String = api.flags().chunks(2).map(|flag| flag[1].replacen('=', " = '", 1) + "'\n").collect();
    let config = host.dir("home/.config/cci").join("config.toml");
    std::fs::write(&config, format!("[defaults.environment]\n{pairs}")).unwrap();
    std::os::unix::fs::chown(config, Some(1234), None).unwrap();
    let screen = Screen::open(&host);
    for (name, value) in release.environment() {
        screen.enter(&format!("export {name}={value}"));
    }
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
    let name = U1234.name();
    let script = format!(
        "set -e; mount -t tmpfs tmpfs {layers}; mkdir {layers}/upper {layers}/work
         mount -t overlay overlay -o lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work /etc
         gpasswd --delete {name} incus-admin; sed -i '/^{name}:/d' /etc/subuid /etc/subgid
         echo '{name} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/cci; chmod 440 /etc/sudoers.d/cci
         exec setpriv --reuid=1234 --regid={gid} --init-groups sh {script} --yes --prefix {closed}/local",
        layers = layers.display(),
        script = release.script.display(),
        closed = closed.display(),
        gid = U1234.gid(),
    );
    let before = machine::dump();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).env_clear().envs(host.environment()).current_dir(&host.proj);
    command.envs(release.environment());
    let out = run(command, b"").ok();
    for step in [format!("gpasswd --add {name} incus-admin"), format!("add to /etc/subuid: {name}:")] {
        assert!(out.stderr.contains(&step), "{step} is missing in {out}");
    }
    assert!(out.stdout.lines().last().is_some_and(|line| line.ends_with("(Claude Code)")), "{out}");
    assert!(closed.join("local/bin/cci").exists(), "{out}");
    assert_eq!(machine::dump(), before, "the machine's own tables changed");
}

#[test]
fn another_program_than_the_digests_is_neither_installed_nor_run() {
    let host = Host::live(U1234);
    let ran = host.home.join("ran");
    let program = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    let mut release = Release::with(&host, program.as_bytes());
    let theirs = std::mem::replace(&mut release.digest, "0".repeat(64));
    let why = format!("error: SHA-256 of {} is {theirs}, and must be {}", release.name, release.digest);
    release.is_refused(&host, &[], &[], 1, &why);
    release.is_refused(&host, &["--sha256", &"f".repeat(64)], &[("CCI_SHA256", &theirs)], 1, "error: SHA-256 of");
    assert!(!ran.exists());
}

#[test]
fn a_digest_from_the_same_place_is_not_trusted() {
    let host = Host::live(U1234);
    let release = Release::with(&host, b"anybody's");
    let sums = format!("{}  {}\n", release.digest, release.name);
    release.place.put(&format!("{}.sha256", release.name), sums.as_bytes());
    let why = format!("error: this script knows no SHA-256 of {}", release.name);
    release.is_refused(&host, &[], &[("CCI_SHA256", "")], 1, &why);
    release.is_refused(&host, &[], &[("CCI_SHA256", "")], 1, "and run ./install.sh in it");
}

#[test]
fn what_is_no_digest_is_refused() {
    let host = Host::live(U1234);
    let release = Release::with(&host, b"x");
    let long = format!("{}0", release.digest);
    for wrong in ["abc", "*", long.as_str(), &release.digest.replace(|c: char| c.is_ascii_digit(), "g")] {
        release.is_refused(&host, &["--sha256", wrong], &[], 2, &format!("error: '{wrong}' is not a SHA-256"));
    }
}

#[test]
fn a_right_digest_installs_from_the_person_and_from_the_script() {
    let host = Host::live(U1234);
    let release = Release::with(&host, b"#!/bin/sh\necho the program\n");
    let (bin, flag) = prefix(&host);
    let given = release.digest.to_uppercase();
    let installed = || std::fs::read_to_string(bin.join("cci")).unwrap();
    release.install_with(&host, &["--no-setup", &flag, "--sha256", &given], &[("CCI_SHA256", "")]).ok();
    assert_eq!(installed(), "#!/bin/sh\necho the program\n");
    release.install(&host, &["--uninstall", &flag]).ok();

    let script = std::fs::read_to_string(&release.script).unwrap();
    let pinned = format!("DIGESTS='\n{}  another-file\n{}  {}\n'", "0".repeat(64), release.digest, release.name);
    assert!(script.contains("DIGESTS='\n'"), "a release is pinned: this test has to know it");
    std::fs::write(&release.script, script.replace("DIGESTS='\n'", &pinned)).unwrap();
    release.install_with(&host, &["--no-setup", &flag], &[("CCI_SHA256", "")]).ok();
    assert_eq!(installed(), "#!/bin/sh\necho the program\n");
    release.install(&host, &["--uninstall", &flag]).ok();
    std::fs::remove_dir(&bin).unwrap();

    // the place has changed since, and its own sum with it
    release.place.put(&release.name, b"another");
    release.is_refused(&host, &[], &[("CCI_SHA256", "")], 1, "error: SHA-256 of");
}

#[test]
fn nothing_is_downloaded_over_http() {
    let host = Host::live(U1234);
    let (release, plain) = (Release::with(&host, b"x"), Plain::start());
    for place in [plain.url(), "ftp://127.0.0.1/x".into(), format!("file://{}", host.home.display()), "--help".into()] {
        let why = format!("error: will not download from '{place}'");
        release.is_refused(&host, &[], &[("CCI_RELEASES", &place)], 2, &why);
    }
    release.place.redirect(&release.name, &format!("{}/{}", plain.url(), release.name));
    release.is_refused(&host, &[], &[], 1, "error: cannot download https://");
    // nor where curl is told to by its own configuration
    std::fs::write(host.home.join(".curlrc"), "insecure\nproto-redir = =http,https\n").unwrap();
    release.is_refused(&host, &[], &[], 1, "error: cannot download https://");
    release.is_refused(
        &host,
        &[],
        &[("CURL_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")],
        1,
        "error: cannot download",
    );
    plain.was_not_asked();
}

#[test]
fn a_release_that_is_not_there_is_named() {
    let host = Host::live(U1234);
    let release = Release::with(&host, b"x");
    release.place.takes_away(&release.name);
    let why = format!("error: cannot download {}/{}", release.place.url, release.name);
    release.is_refused(&host, &[], &[], 1, &why);
}

#[test]
fn an_unknown_flag_and_an_old_rust_are_told() {
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
