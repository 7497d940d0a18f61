//! Checkpoints of a workspace that is made to have something of it run on the host, or to lead whoever reads and writes
//! its files elsewhere: through each of the verbs, nothing of it runs, and every byte comes back.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};
use serde_json::Value;

use super::{SECRET, plant_key};
use crate::support::host::{Host, Output, U1234, run};
use crate::support::watch::Over;

const PLANT: &str = include_str!("checkpoints/plant.sh");
const RUIN: &str = include_str!("checkpoints/ruin.sh");
const DUMMY: [(&str, &str); 1] = [("CCI_USE_DUMMY", "1")];

/// A session whose workspace is hostile, and what it must not reach.
struct Hostile {
    host: Host,
    name: String,
    outside: PathBuf,
    ssh: PathBuf,
    watch: OwnedFd,
}

impl Hostile {
    fn start() -> Self {
        let host = Host::live(U1234);
        let (ssh, outside) = (plant_key(&host), host.dir("outside"));
        let probe = outside.join("probe");
        // what is asked to filter something passes it on
        fs::write(&probe, "#!/bin/sh\necho \"$*\" >>\"${0%/*}/fired\"\nexec cat\n").unwrap();
        fs::set_permissions(&probe, PermissionsExt::from_mode(0o755)).unwrap();
        let evil = host.dir("outside/evil.git");
        let mut init = host.command("git");
        init.args(["init", "-q", "--bare", evil.to_str().unwrap()]);
        run(init, b"").ok();
        for name in ["included", "attributes", "excludes"] {
            fs::write(outside.join(name), "").unwrap();
        }
        let monitor = format!("[core]\n\tbare = false\n\tfsmonitor = {} evil.git\n", probe.display());
        fs::write(evil.join("config"), monitor).unwrap();
        host.cci_with(&["shell", "--background"], &DUMMY, b"").ok();
        let name = host.only_container();
        let watch = watch(&[&ssh, &outside, &evil, &evil.join("objects")]);
        let hostile = Self { host, name, outside, ssh, watch };
        hostile.inside(PLANT);
        hostile.plant_device();
        hostile
    }

    /// A device as a container's root makes one: not every kernel lets it.
    fn plant_device(&self) {
        let (device, root) = (self.host.proj.join("device"), fs::metadata(self.host.proj.join("root-dir")).unwrap());
        mknodat(CWD, &device, FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, makedev(1, 3)).unwrap();
        chown(&device, Some(root.uid()), Some(root.gid())).unwrap();
        assert_ne!(root.uid(), U1234.uid);
    }

    /// Runs a script as the agent.
    #[track_caller]
    fn inside(&self, script: &str) {
        let place = |path: &Path| format!("'{}'", path.display());
        let places =
            [("PROBE", self.outside.join("probe")), ("OUTSIDE", self.outside.clone()), ("SSH", self.ssh.clone())];
        let places = places.map(|(name, path)| format!("{name}={}\n", place(&path))).concat();
        self.exec(&self.name, &format!("{places}{script}"));
    }

    #[track_caller]
    fn exec(&self, container: &str, script: &str) {
        self.cci(&["container", "exec", container, "--user", "code", "--", "bash", "-c", script]).ok();
    }

    fn cci(&self, args: &[&str]) -> Output {
        let out = self.host.cci_with(args, &DUMMY, b"");
        assert!(!out.to_string().contains(SECRET), "{out}");
        // content that is not shown on a terminal is passed on as it is
        assert!(args[0] == "diff" || !out.to_string().contains('\u{1b}'), "{out}");
        out
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let out = self.cci(&[args, &["--format", "json"]].concat()).ok();
        serde_json::from_str(&out.stdout).unwrap()
    }

    #[track_caller]
    fn checkpoint(&self) -> String {
        self.cci(&["checkpoint"]).ok().stdout.trim().to_owned()
    }

    /// Nothing outside was opened, changed or run; and that this would have been seen.
    #[track_caller]
    fn nothing_ran_and_nothing_was_reached(self) {
        assert_eq!(events(&self.watch), Vec::<String>::new(), "what is outside was reached");
        assert!(!self.outside.join("fired").exists(), "something of the workspace ran");
        let mut status = self.host.command("git");
        status.args(["-C", self.host.proj.to_str().unwrap(), "add", "-A"]);
        run(status, b"");
        let fired = fs::read_to_string(self.outside.join("fired")).unwrap_or_default();
        assert!(
            fired.contains("core.fsmonitor") || fired.contains("evil.git"),
            "git itself runs nothing here: {fired}"
        );
        assert!(!events(&self.watch).is_empty(), "the watch sees nothing");
    }
}

/// What becomes of what is in these directories.
fn watch(directories: &[&Path]) -> OwnedFd {
    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    for directory in directories {
        add_watch(&watch, *directory, WatchFlags::ALL_EVENTS).unwrap();
    }
    watch
}

fn events(watch: &OwnedFd) -> Vec<String> {
    let mut buffer = [std::mem::MaybeUninit::uninit(); 16 << 10];
    let mut reader = Reader::new(watch, &mut buffer);
    std::iter::from_fn(|| reader.next().ok().map(|event| format!("{:?} {:?}", event.events(), event.file_name())))
        .collect()
}

/// Everything in a directory as `find` and `sha256sum` see it: kind, mode, time, where a link leads, content.
#[track_caller]
fn seen(directory: &Path) -> Vec<String> {
    const LOOK: &str = r#"cd "$1" && find . -mindepth 1 \( -type l -printf 'l %T@ %l' -o -type f -printf 'f %m %T@ %s' \
        -o -printf '%y %m %T@' \) -printf ' %P\0' && find . -type f -size -100M -print0 | xargs -0 sha256sum -z"#;
    let out = Command::new("bash").args(["-ec", LOOK, "bash"]).arg(directory).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut lines: Vec<String> =
        out.stdout.split(|byte| *byte == 0).map(|line| line.escape_ascii().to_string()).collect();
    lines.sort();
    lines
}

#[track_caller]
fn same(now: &[String], then: &[String]) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    assert_eq!((only(now, then), only(then, now)), (Vec::new(), Vec::new()), "now, and then");
}

/// What a fork has of this: files, links and directories, but for the repository at the top and what is too large.
fn held(lines: &[String]) -> Vec<String> {
    let is_file = |line: &&String| !["p ", "s ", "c "].iter().any(|kind| line.starts_with(kind));
    let of_git = [" .git", " ./.git", " sparse"];
    let is_left = |line: &&String| {
        of_git.iter().any(|end| line.ends_with(end)) || line.contains(" .git/") || line.contains(" ./.git/")
    };
    lines.iter().filter(|line| is_file(line) && !is_left(line)).cloned().collect()
}

/// Does `work` while a place becomes a link to `target` and a directory again, whatever else becomes of it.
fn swapping<T>(place: &Path, target: &Path, work: impl FnOnce() -> T) -> T {
    let (over, other) = (AtomicBool::new(false), place.with_file_name("swapped"));
    std::thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                let _ = symlink(target, &other);
                let _ = lchown(&other, Some(1234), Some(U1234.gid()));
                count += u32::from(renameat_with(CWD, place, CWD, &other, RenameFlags::EXCHANGE).is_ok());
                std::thread::park_timeout(std::time::Duration::from_micros(u64::from(count * 397 % 900)));
            }
            count
        });
        let end = Over(&over);
        let done = work();
        drop(end);
        let count = swaps.join().unwrap();
        assert!(count > 10, "only {count} swaps: nothing was tried");
        done
    })
}

#[test]
fn a_hostile_workspace_is_rewound_to_the_byte_and_nothing_of_it_runs() {
    let hostile = Hostile::start();
    let proj = hostile.host.proj.clone();
    let first = hostile.checkpoint();
    let then = seen(&proj);
    let held = hostile.json(&["log"])["checkpoints"][0]["not_held"].clone();
    for (path, why) in [("fifo", "special"), ("socket", "special"), ("device", "special"), ("sparse", "too-large")] {
        let is_told = held.as_array().unwrap().iter().any(|one| one["path"] == path && one["why"] == why);
        assert!(is_told, "{path}: {held}");
    }
    hostile.inside(RUIN);
    let ruined = hostile.cci(&["diff", &first]).ok();
    assert!(ruined.stdout.contains("to-key") && ruined.stdout.contains("dir/deep/file"), "{ruined}");
    hostile.cci(&["diff", &first, "--stat"]).ok();
    let second = hostile.checkpoint();
    let later = seen(&proj);
    hostile.cci(&["diff", &first, &second]).ok();

    // an agent that still runs plays with the places that are being written
    let back =
        swapping(&proj.join("dir"), &hostile.ssh, || hostile.cci(&["rewind", "--yes", &first, "--only", "workspace"]));
    if back.code != 0 {
        hostile.cci(&["rewind", "--continue"]).ok();
    }
    hostile.cci(&["rewind", "--yes", &first]).ok();
    same(&seen(&proj), &then);
    hostile.cci(&["rewind", "--yes", &second]).ok();
    same(&seen(&proj), &later);
    hostile.cci(&["rewind", "--yes", &first]).ok();
    same(&seen(&proj), &then);
    hostile.nothing_ran_and_nothing_was_reached();
}

#[test]
fn forks_of_a_hostile_workspace_have_its_bytes_and_nothing_of_it_runs() {
    let hostile = Hostile::start();
    let (host, proj) = (&hostile.host, hostile.host.proj.clone());
    let first = hostile.checkpoint();
    let then = seen(&proj);
    let fork = hostile.json(&["fork", &first])["forks"][0].clone();
    let (fork_name, place) = (fork["name"].as_str().unwrap(), PathBuf::from(fork["workspace"].as_str().unwrap()));
    assert!(fork["branch"].as_str().unwrap().starts_with("cci/fork-"), "{fork}");
    same(&held(&seen(&place)), &held(&then));
    let compared = hostile.json(&["compare", "--run", "test ! -e of-nobody"])["forks"][0].clone();
    assert_eq!((&compared["status"], &compared["files"]), (&0.into(), &0.into()), "{compared}");
    let in_fork = "cd /workspace && rm -rf dir && ln -s /etc dir && echo of-fork >crlf";
    hostile.exec(fork["container"].as_str().unwrap(), in_fork);
    let adopted = hostile.json(&["adopt", "--yes", fork_name]);
    assert_eq!(fs::read_to_string(proj.join("crlf")).unwrap(), "of-fork\n");
    assert_eq!(fs::read_link(proj.join("dir")).unwrap(), Path::new("/etc"));
    hostile.cci(&["rewind", "--yes", adopted["from"].as_str().unwrap()]).ok();
    same(&held(&seen(&proj)), &held(&then));

    // without a repository that can be shared
    hostile.inside("mkdir -p /workspace/.git/modules/m && echo x >/workspace/.git/modules/m/HEAD");
    let apart = hostile.json(&["fork"])["forks"][0].clone();
    let place = PathBuf::from(apart["workspace"].as_str().unwrap());
    assert_eq!(apart["branch"], "");
    same(&held(&seen(&place)), &held(&then));
    assert_eq!(fs::read(place.join(".git/config")).unwrap(), fs::read(proj.join(".git/config")).unwrap());
    hostile.inside(RUIN);
    let elsewhere = hostile.json(&["fork"])["forks"][0].clone();
    let place = PathBuf::from(elsewhere["workspace"].as_str().unwrap());
    assert!(place.join(".git").symlink_metadata().is_err(), "what leads elsewhere is left out");
    same(&held(&seen(&place)), &held(&seen(&proj)));
    let names: Vec<String> = hostile.json(&["compare"])["forks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fork| fork["name"].as_str().unwrap().to_owned())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(names.len(), 3);
    hostile.cci(&[&["fork", "--yes", "--remove"], &names[..]].concat()).ok();
    assert_eq!(host.containers(), std::slice::from_ref(&hostile.name));
    hostile.nothing_ran_and_nothing_was_reached();
}
