//! `cci build`: from an image server, interrupted at each of its steps, and on a disk that fills up.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::base::{Images, serve, tarball};
use crate::support::host::{Host, ROOT, U1234, incus, run};
use crate::support::wait;

/// What a build says of an image that is already there.
const EXISTS: (&str, &str) = ("image 'cci' already exists\n", "hint: rebuild it with --force\n");

/// Names the image server where a user does, in the configuration.
fn configure(host: &Host, build: &str) {
    let dir = host.home.join(".config/cci");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), build).unwrap();
}

/// What a build puts into the directory for temporary files.
fn temporary(host: &Host) -> Vec<String> {
    let entries = std::fs::read_dir(host.dir("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[track_caller]
fn builds_from_the_image_server(args: &[&str]) {
    let images = Images::of(U1234);
    let host = &images.host;
    let url = serve(host);
    configure(host, &format!("[build]\nimage_server = \"{url}\"\n"));
    let out = host.cci_with(args, &[("TMPDIR", host.dir("tmp").to_str().unwrap())], b"").ok();
    assert!(out.stderr.contains("[build] start from images:debian/13: "), "{out}");
    assert!(out.stderr.contains("[build] try the image: "), "{out}");
    if !args.contains(&"--from") {
        assert!(out.stderr.contains(&format!("[build] from images:debian/13 of {url}\n")), "{out}");
    }
    let made = incus(&["image", "alias", "list", "--project", &host.project, "-f", "csv"]);
    assert!(made.contains("cci,") && made.contains("cci-2"), "{made}");
    assert_eq!(host.containers(), [""; 0]);
    assert_eq!(temporary(host), [""; 0]);
    let again = host.cci(&["build"]).ok();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), EXISTS, "{again}");
}

#[test]
fn an_image_server_that_answers_is_used_by_itself() {
    builds_from_the_image_server(&["build", "--tool", "dummy"]);
}

#[test]
fn an_image_server_is_used_by_name() {
    builds_from_the_image_server(&["build", "--tool", "dummy", "--from", "images:debian/13"]);
}

/// Begins a build and interrupts it when it says this; `None` lets it come to its end. What it said on stderr.
#[track_caller]
fn build_until(images: &Images, args: &[&str], moment: Option<&str>) -> Vec<String> {
    let host = &images.host;
    let mut command = host.cci_command(args);
    command.env("TMPDIR", host.dir("tmp")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut build = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&build);
    let (mut said, mut interrupted) = (Vec::new(), false);
    for line in BufReader::new(build.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if moment.is_some_and(|moment| line.starts_with(moment)) && !interrupted {
            interrupted = true;
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        }
        said.push(line);
    }
    let status = wait::until("the build ends", Duration::from_secs(120), || {
        build.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
    });
    assert_eq!(interrupted, moment.is_some(), "{moment:?} did not come: {said:#?}");
    assert_eq!(status.code(), Some(if interrupted { 130 } else { 0 }), "{moment:?}: {said:#?}");
    said
}

#[test]
fn an_interrupt_at_any_step_leaves_the_old_image_and_nothing_else() {
    let images = Images::of(U1234);
    images.import();
    let before = images.dump();
    let build = ["build", "--force", "--from", "cci"];
    let whole = build_until(&images, &build, None);
    for extra in images.dump().lines().filter(|line| !before.contains(line)).filter(|line| line.len() == 64) {
        incus(&["image", "delete", "--project", &images.host.project, extra]);
    }
    incus(&["image", "alias", "create", "--project", &images.host.project, "cci", before.lines().next().unwrap()]);
    assert_eq!(images.dump(), before);
    // a step is said when it begins, and with its time when it is done
    let is_step = |line: &&String| line.starts_with("[build] ") && !line.ends_with(" s");
    // the name of the log has the time in it
    let steps: Vec<&str> =
        whole.iter().filter(is_step).map(|line| line.split_inclusive("log: ").next().unwrap()).collect();
    assert!(steps.len() > 10, "{whole:#?}");
    let quick = tarball();
    let imported = ["build", "--force", "--from", quick.to_str().unwrap()];
    let import = (&imported, "[build] start from /");
    for (build, step) in steps.into_iter().map(|step| (&build, step)).chain([import]) {
        build_until(&images, build, Some(step));
        assert_eq!(images.host.containers(), [""; 0], "{step}: a container is left");
        assert_eq!(images.dump(), before, "{step}: the images are others");
        assert_eq!(temporary(&images.host), [""; 0], "{step}: a temporary file is left");
    }
}

#[test]
fn an_image_of_another_recipe_is_named_as_such_and_an_interrupt_of_the_bootstrap_leaves_it() {
    let images = Images::of(U1234);
    images.import();
    let before = images.dump();
    let out = images.host.cci(&["build"]).ok();
    let warning = "warning: image 'cci' is not what this version of cci builds\n";
    assert_eq!((out.stdout.as_str(), out.stderr), (EXISTS.0, format!("{warning}{}", EXISTS.1)));
    // nobody listens there: the build turns to the bootstrap by itself
    configure(&images.host, "[build]\nimage_server = \"http://127.0.0.1:1\"\n");
    for moment in ["[build] ask image server http://127.0.0.1:1", "[build] bootstrap trixie"] {
        build_until(&images, &["build", "--force"], Some(moment));
        assert_eq!(images.host.containers(), [""; 0], "{moment}");
        assert_eq!(images.dump(), before, "{moment}");
        assert_eq!(temporary(&images.host), [""; 0], "{moment}");
    }
}

#[test]
fn an_image_server_over_plain_http_is_refused() {
    let host = Host::live(U1234);
    configure(&host, "[build]\nimage_server = \"http://images.invalid\"\n");
    for from in ["images:debian/13", "auto"] {
        let out = host.cci(&["build", "--force", "--any-owner", "--from", from]);
        assert_eq!(out.code, 2, "{out}");
        assert!(
            out.stderr.contains("error: build.image_server: 'http://images.invalid' does not begin with https://"),
            "{out}"
        );
    }
}

/// A storage pool that is as small as a pool can be.
struct TinyPool(String);

impl TinyPool {
    fn new(host: &Host) -> Self {
        let name = format!("cci-test-{}pool", host.prefix);
        incus(&["storage", "create", "--quiet", &name, "btrfs", "size=640MiB"]);
        Self(name)
    }
}

impl Drop for TinyPool {
    fn drop(&mut self) {
        let _ = Command::new("incus").args(["storage", "delete", &self.0]).output();
    }
}

#[test]
fn a_pool_that_fills_up_during_a_build_is_named_and_nothing_is_left() {
    let images = Images::of(U1234);
    let pool = TinyPool::new(&images.host);
    let quick = tarball();
    configure(
        &images.host,
        &format!("[incus]\nstorage_pool = \"{}\"\n[build]\npackages = [\"fill-the-disk\"]\n", pool.0),
    );
    let out = images.host.cci(&["build", "--from", quick.to_str().unwrap()]);
    let left = (images.host.containers(), images.dump());
    drop(images);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains(&format!("error: no space left: storage pool '{}' has ", pool.0)), "{out}");
    assert!(out.stderr.contains("hint: remove old images, containers"), "{out}");
    assert_eq!(left, (vec![], String::new()), "{out}");
}

#[test]
fn a_temporary_directory_that_is_full_is_told_and_nothing_is_left() {
    let images = Images::of(ROOT);
    let host = &images.host;
    let small = host.dir("small");
    let script = format!(
        "mount -t tmpfs -o size=24m tmpfs {dir} && chmod 1777 {dir} && export TMPDIR={dir}
         cci build --from bootstrap:trixie; status=$?; ls -A {dir}; exit $status",
        dir = small.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"");
    assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
    assert!(out.stderr.contains("error: bootstrap of trixie") || out.stderr.contains("error: cannot"), "{out}");
    assert!(out.stderr.contains("No space left on device") || out.stderr.contains("enough free space"), "{out}");
    assert_eq!((host.containers(), images.dump()), (vec![], String::new()), "{out}");
}
