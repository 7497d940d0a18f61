//! A disk is full in some phase of a checkpoint, a rewind, a fork or an adoption: that is told with the way out, no state is lost,
//! and with room again the rest is done.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bed::assert_tells;
use super::hosts::{Mounted, home_options};
use super::states::{Place, Session, State, same};
use crate::limits::Pool;
use crate::settings::configured;
use crate::support::host::{Host, Output, U1000, incus};
use crate::support::proxy::Proxy;

const MIB: u64 = 1 << 20;
/// How much the workspace changes before each verb, so that a store has to grow.
const NOISE: u64 = 2 * MIB;

/// A session of which a part is on a small disk; the disk goes first.
struct Small {
    _disk: Mounted,
    dir: PathBuf,
    session: Session,
}

impl Small {
    fn start(part: impl Fn(&Host) -> PathBuf, size: &str) -> Self {
        let host = Host::live(U1000);
        let dir = part(&host);
        let disk = Mounted::tmpfs(&dir, &home_options(size));
        let config = host.home.join(".config/cci");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.toml"), "[checkpoints]\nignore = [\"filler\"]\n").unwrap();
        Self { _disk: disk, dir, session: Session::start(host) }
    }

    /// Runs a verb with so much room on the disk, and makes room again.
    fn with_room(&self, room: u64, args: &[&str]) -> Output {
        let filler = self.dir.join("filler");
        let free = rustix::fs::statvfs(&self.dir).unwrap();
        let bytes = (free.f_bavail * free.f_frsize).saturating_sub(room);
        let file = std::fs::File::create(&filler).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).unwrap();
        let out = self.session.cci(args);
        std::fs::remove_file(filler).unwrap();
        out
    }

    /// What is full is named, with the way out.
    #[track_caller]
    fn assert_told(&self, out: &Output, when: &str) {
        assert_tells(out, 1, when);
        let told = out.stderr.contains("No space left on device") && out.stderr.contains("hint: make room");
        assert!(told && out.stderr.contains(self.dir.to_str().unwrap()), "{when}: {out}");
    }
}

/// Bytes that no store can make smaller, and that it has not seen.
fn noise(at: &Path, bytes: u64) {
    let words = format!("head -c {bytes} /dev/urandom >noise");
    let done = Command::new("sh").args(["-c", &words]).current_dir(at).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_full_home_loses_no_checkpoint_and_no_rewind() {
    let small = Small::start(|host| host.home.clone(), "96m");
    let session = &small.session;
    let containers = [session.origin.name.as_str()];
    noise(&session.origin.dir, NOISE);
    session.write(&session.origin, "one");
    let first = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    let becomes = session.state();
    for room in [0, 16 << 10, NOISE + (8 << 10)] {
        noise(&session.origin.dir, NOISE);
        let (was, when) = (session.state(), format!("a checkpoint with {room} bytes"));
        let out = small.with_room(room, &["checkpoint"]);
        if out.code != 0 {
            small.assert_told(&out, &when);
        }
        assert!(out.code != 0 || room > NOISE, "{when}: {out}");
        session.cci(&["checkpoint"]).ok();
        same(&session.state(), &was, &when);
        session.assert_nothing_left(&containers, &when);
    }
    let mut failed = 0;
    for (round, room) in [0, NOISE + (12 << 10), NOISE + (40 << 10), NOISE + (200 << 10)].into_iter().enumerate() {
        noise(&session.origin.dir, NOISE);
        session.write(&session.origin, "two");
        let (was, when) = (session.state(), format!("a rewind with {room} bytes"));
        let out = small.with_room(room, &["rewind", &first]);
        failed += usize::from(out.code != 0);
        ended(&small, &out, round, &was, &becomes, &when);
        session.assert_nothing_left(&containers, &when);
    }
    assert!(failed > 1, "there was room enough");
    session.assert_verified("at last");
}

/// The verb is done, or told of the full disk and is completed or taken back now that there is room.
#[track_caller]
fn ended(small: &Small, out: &Output, round: usize, was: &State, becomes: &State, when: &str) {
    let when = format!("{when}\n{out}");
    if out.code != 0 {
        small.assert_told(out, &when);
        let told = out.stderr.contains("cci rewind --continue");
        assert_eq!(small.session.is_unfinished(), told, "{when}");
    }
    let end = if round.is_multiple_of(2) { "--abort" } else { "--continue" };
    let new = small.session.ended(end, was, becomes, &when);
    assert!(new || out.code != 0, "{when}");
}

#[test]
fn a_full_home_loses_no_fork_and_no_adoption() {
    let small = Small::start(|host| host.home.clone(), "96m");
    let session = &small.session;
    noise(&session.origin.dir, NOISE);
    session.write(&session.origin, "one");
    let was = session.state();
    for room in [NOISE / 2, NOISE + (64 << 10)] {
        let when = format!("a fork with {room} bytes");
        noise(&session.origin.dir, NOISE);
        let was = session.state();
        let out = small.with_room(room, &["fork"]);
        small.assert_told(&out, &when);
        same(&session.state(), &was, &when);
        assert!(session.json(&["compare"])["forks"].as_array().unwrap().is_empty(), "{when}: {out}");
        session.assert_nothing_left(&[&session.origin.name], &when);
    }
    let fork = session.fork();
    session.write(&fork, "fork");
    let (name, of_fork) = (name(&fork), session.state_of(&fork));
    noise(&session.origin.dir, NOISE);
    let before = session.state();
    assert_ne!(before, was);
    for (round, room) in [NOISE / 2, NOISE + (40 << 10), NOISE + (200 << 10)].into_iter().enumerate() {
        let when = format!("an adoption with {room} bytes");
        let out = small.with_room(room, &["adopt", &name]);
        ended(&small, &out, 2 * round, &before, &of_fork, &when);
        if out.code == 0 {
            break;
        }
        session.assert_nothing_left(&[&session.origin.name, &fork.name], &when);
    }
    session.assert_verified("at last");
}

fn name(of: &Place) -> String {
    of.dir.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_full_workspace_is_completed_or_taken_back() {
    let small = Small::start(|host| host.proj.clone(), "24m");
    let session = &small.session;
    noise(&session.origin.dir, 4 * MIB);
    session.write(&session.origin, "one");
    let first = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    let one = session.state();
    let fork = session.fork();
    std::fs::remove_file(session.origin.dir.join("noise")).unwrap();
    session.write(&session.origin, "two");
    let (two, name) = (session.state(), name(&fork));
    for (round, args) in [["rewind", &first], ["rewind", &first], ["adopt", &name], ["adopt", &name]].iter().enumerate()
    {
        let when = format!("{args:?}, round {round}");
        let becomes = if args[0] == "rewind" { &one } else { &session.state_of(&fork) };
        let out = small.with_room(MIB, args);
        assert!(out.code != 0 && session.is_unfinished(), "{when}: {out}");
        ended(&small, &out, round, &two, becomes, &when);
        session.assert_nothing_left(&[&session.origin.name, &fork.name], &when);
        if round % 2 == 1 {
            let second = session.json(&["log"])["checkpoints"].as_array().unwrap().iter().find_map(before).unwrap();
            session.cci(&["rewind", &second]).ok();
            same(&session.state(), &two, &when);
        }
    }
    session.assert_verified("at last");
}

/// The id of a checkpoint that was taken before another came back.
fn before(one: &serde_json::Value) -> Option<String> {
    let cause = one["cause"].as_str()?;
    cause.starts_with("before").then(|| one["id"].as_str().unwrap().to_owned())
}

/// A container that fills its storage pool, until it is removed.
struct Filler(Arc<Filling>);

/// Which it is, and when it does so.
struct Filling {
    name: String,
    project: String,
    pool: String,
    /// Before which create of the next verb, from 1.
    before: AtomicUsize,
}

impl Filler {
    fn start(pool: &Pool, project: &str) -> Self {
        let name = format!("cci-test-filler-{}", std::process::id());
        let (project, of) = (project.to_owned(), pool.0.clone());
        let filler = Self(Arc::new(Filling { name, project, pool: of, before: AtomicUsize::new(0) }));
        incus(&["launch", "--quiet", "cci", &filler.0.name, "--project", &filler.0.project, "--storage", &pool.0]);
        filler
    }
}

impl Filling {
    /// Is told of each create.
    fn create(&self) {
        if self.before.load(Ordering::SeqCst) > 0 && self.before.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.fill();
        }
    }

    /// Takes all room for data, and all for names.
    fn fill(&self) {
        // what was removed before still gives room back for a while
        let pool = Path::new("/var/lib/incus/storage-pools").join(&self.pool);
        // only a commit wakes what gives it back
        for sync in [["filesystem", "sync"], ["subvolume", "sync"]] {
            let synced = Command::new("btrfs").args(sync).arg(&pool).output().unwrap();
            assert!(synced.status.success(), "{}", String::from_utf8_lossy(&synced.stderr));
        }
        let data = "for s in 256M 16M 1M 64K 4K; do while fallocate -l $s /m/f$i; do i=$((i+1)); done; done; sync";
        let names = "head -c 400M /dev/zero | split -b 1500 -a 6 - /m/x; sync";
        self.run(&format!("mkdir -p /m; i=0; {data}; {names}; true"));
    }

    fn make_room(&self) {
        self.run("rm -rf /m; sync");
    }

    fn run(&self, script: &str) {
        incus(&["exec", "--project", &self.project, &self.name, "--", "sh", "-c", &format!("({script}) 2>/dev/null")]);
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = Command::new("incus").args(["delete", "-f", "--project", &self.0.project, &self.0.name]).output();
    }
}

#[test]
fn a_full_storage_pool_is_named_and_no_state_is_lost() {
    let pool = Pool::of("btrfs", &["size=3GiB"]);
    let host = configured(U1000, &format!("[incus]\nstorage_pool = \"{}\"\n", pool.0));
    let filler = Filler::start(&pool, &host.project);
    let (filling, told) = (&*filler.0, Arc::clone(&filler.0));
    let proxy = Proxy::holding("POST /1.0/instances?", move || told.create());
    let session = Session::start(host.at_socket(proxy.socket()));
    session.write(&session.origin, "one");
    let first = session.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    let one = session.state();
    session.write(&session.origin, "two");
    let two = session.state();
    let full = |args: &[&str], create: usize| {
        filling.before.store(create, Ordering::SeqCst);
        proxy.behave();
        let out = session.cci(args);
        filling.make_room();
        let creates =
            proxy.seen().into_iter().filter(|line| line.starts_with("POST /1.0/instances")).collect::<Vec<_>>();
        let when = format!("{args:?}, full before create {create} of {creates:#?}: {out}");
        assert_eq!(filling.before.load(Ordering::SeqCst), 0, "{when}");
        assert_tells(&out, 1, &when);
        assert!(out.stderr.contains(&format!("storage pool '{}'", pool.0)), "{when}");
        assert!(out.stderr.contains("cci clean"), "{when}");
        when
    };
    for (round, (args, create)) in
        [(&["checkpoint"][..], 1), (&["rewind", &first], 1), (&["rewind", &first], 2), (&["rewind", &first], 2)]
            .into_iter()
            .enumerate()
    {
        let when = full(args, create);
        assert_eq!(session.is_unfinished(), create == 2, "{when}");
        let end = if round.is_multiple_of(2) { "--abort" } else { "--continue" };
        session.ended(end, &two, &one, &when);
        session.assert_nothing_left(&[&session.origin.name], &when);
    }
    // now it is at the first
    for create in [1, 2] {
        let when = full(&["fork"], create);
        assert!(session.json(&["compare"])["forks"].as_array().unwrap().is_empty(), "{when}");
        same(&session.state(), &one, &when);
        session.assert_nothing_left(&[&session.origin.name], &when);
    }
    let fork = session.fork();
    let name = name(&fork);
    for (create, end) in [(2, "--abort"), (3, "--abort"), (3, "--continue")] {
        // so that a checkpoint of each is taken
        session.write(&session.origin, "one");
        session.write(&fork, "fork");
        let (one, of_fork) = (session.state(), session.state_of(&fork));
        let when = full(&["adopt", &name], create);
        session.ended(end, &one, &of_fork, &when);
        session.assert_nothing_left(&[&session.origin.name, &fork.name], &when);
    }
    session.assert_verified("at last");
}
