//! What is configured is so inside a container: read back there, and limits tried for real.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use crate::support::host::{Host, Output, U1000, U1234, User, incus};

fn configured(user: User, text: &str) -> Host {
    let host = Host::live(user);
    let dir = host.home.join(".config/cci");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    host
}

#[track_caller]
fn in_container(host: &Host, flags: &[&str], script: &str) -> Output {
    let args: Vec<&str> = ["run"].iter().chain(flags).chain(&["--", "bash", "-c", script]).copied().collect();
    host.cci(&args)
}

#[test]
fn each_section_is_read_back_inside() {
    let host = configured(
        U1234,
        r#"
[defaults]
environment = { COLOUR = "blue", TOKEN = { command = "printf 's3 cret'" } }
docker = false
[paths]
storage_dir = "~/.cci/storage"
[limits]
cpu = 1
[[mounts.default]]
host = "~/data"
container = "/data"
readonly = true
[profiles.green]
environment = { COLOUR = "green" }
"#,
    );
    fs::create_dir(host.home.join("data")).unwrap();
    fs::write(host.home.join("data/file"), "of the host").unwrap();
    let script = "echo $COLOUR; echo $TOKEN; nproc; cat /data/file; echo; touch /data/new 2>/dev/null; echo $?; \
                  touch /storage/kept; stat -c '%a %U' /storage";
    let out = in_container(&host, &[], script).ok();
    assert_eq!(out.stdout, "blue\ns3 cret\n1\nof the host\n1\n700 code\n", "{out}");
    let kept = fs::metadata(host.home.join(".cci/storage/kept")).unwrap();
    assert_eq!((kept.uid(), kept.gid()), (1234, 4321));
    assert_eq!(in_container(&host, &["--profile", "green"], "echo $COLOUR").ok().stdout, "green\n");
    let flags = ["--profile", "green", "-e", "COLOUR=red", "-e", "TOKEN=flag"];
    assert_eq!(in_container(&host, &flags, "echo $COLOUR $TOKEN").ok().stdout, "red flag\n");
    let other = host.dir("other");
    fs::write(other.join("file"), "of the flag").unwrap();
    let flag = format!("{}:/data", other.display());
    assert_eq!(in_container(&host, &["--mount", &flag], "cat /data/file").ok().stdout, "of the flag");
}

#[test]
fn the_hardened_profile_keeps_what_git_runs_on_the_host_from_the_agent() {
    let host = configured(U1000, "");
    for dir in [".git", ".git/hooks"] {
        fs::create_dir(host.proj.join(dir)).unwrap();
        std::os::unix::fs::chown(host.proj.join(dir), Some(1000), Some(1000)).unwrap();
    }
    fs::write(host.proj.join(".git/config"), "[core]\n").unwrap();
    std::os::unix::fs::chown(host.proj.join(".git/config"), Some(1000), Some(1000)).unwrap();
    let script = "touch .git/hooks/pre-commit; echo x >> .git/config; mv .git/hooks .git/old; rm -rf .git/config; \
                  mv .git gone; touch .git/index && echo written";
    let out = in_container(&host, &["--profile", "hardened", "--persistent=false"], script);
    assert_eq!(out.stdout, "written\n", "{out}");
    assert_eq!(fs::read_dir(host.proj.join(".git/hooks")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(host.proj.join(".git/config")).unwrap(), "[core]\n");
}

#[test]
fn a_fork_bomb_a_large_allocation_and_a_full_disk_end_at_their_limits() {
    let limits = "[limits]\nprocesses = 150\nmemory = \"512MiB\"\ndisk = \"2GiB\"\n";
    let host = configured(U1000, limits);
    let neighbour = Host::live(U1000);
    let bomb = "b() { b | b & }; b; sleep 5";
    let running = std::thread::scope(|scope| {
        let bombed = scope.spawn(|| host.cci(&["run", "--", "timeout", "8", "bash", "-c", bomb]));
        let started = Instant::now();
        neighbour.cci(&["run", "--", "true"]).ok();
        let took = started.elapsed();
        let bombed = bombed.join().unwrap();
        assert!(bombed.stderr.contains("fork"), "no fork was refused: {bombed}");
        took
    });
    assert!(running < Duration::from_secs(20), "the second container noticed: {running:?}");
    let allocated = in_container(&host, &[], "head -c 4G /dev/zero | tail > /dev/null; echo ${PIPESTATUS[1]}").ok();
    assert_eq!(allocated.stdout, "137\n", "the allocation was killed: {allocated}");
    let filled = in_container(&host, &[], "dd if=/dev/zero of=$HOME/f bs=1M count=4000 conv=fsync; stat -c %s $HOME/f");
    let size: u64 = filled.stdout.trim().parse().unwrap_or_else(|_| panic!("{filled}"));
    assert!(size < 2 << 30, "the disk was not bounded: {size}");
    assert!(filled.stderr.contains("quota exceeded") || filled.stderr.contains("No space left"), "{filled}");
}

#[test]
fn what_containers_never_see_is_refused_before_anything_is_made() {
    let host = Host::live(U1000);
    fs::create_dir(host.home.join(".ssh")).unwrap();
    let home = host.home.display().to_string();
    for source in
        ["/".to_owned(), home.clone(), format!("{home}/.ssh"), "/etc".into(), "/var/lib/incus/unix.socket".into()]
    {
        let out = host.cci(&["run", "--mount", &format!("{source}:/x"), "--", "true"]);
        assert_eq!(out.code, 2, "{source}: {out}");
        assert!(out.stderr.contains("cannot mount"), "{source}: {out}");
    }
    assert_eq!(host.containers(), Vec::<String>::new());
}

#[test]
fn a_resumed_session_keeps_its_profile_unless_another_is_asked_for() {
    let host =
        configured(U1000, "[profiles.green]\nlimits = { processes = 321 }\n[profiles.blue]\npersistent = false\n");
    let profile = || {
        let name = host.only_container();
        let get = |key: &str| incus(&["config", "get", "--project", &host.project, &name, key]).trim().to_owned();
        (get("user.cci.profile"), get("limits.processes"))
    };
    let start = |flags: &[&str]| {
        host.cci(&[&["shell", "--background", "--debug"], flags].concat()).ok();
        let found = profile();
        host.cci(&["kill", &host.only_container()]).ok();
        host.wait_until_gone();
        found
    };
    let green = ("green".to_owned(), "321".to_owned());
    assert_eq!(start(&["--profile", "green"]), green);
    assert_eq!(start(&["--resume"]), green);
    assert_eq!(start(&["--resume", "--profile", "blue"]), ("blue".to_owned(), String::new()));
}
