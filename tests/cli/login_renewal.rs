//! A login is renewed by a process of its own: no moment at which the supervisor is killed loses it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Host, host};
use crate::support::anthropic::Anthropic;
use crate::support::figures::{Random, rounds, seed};
use crate::support::issuer::Issuer;
use crate::support::running::Running;
use crate::support::wait;
use crate::support::watch::Over;

const PATIENCE: Duration = Duration::from_secs(30);
const SESSION: &str = "02020202-0202-4202-8202-020202020202";

/// A host whose login a session uses that no Incus knows.
struct World {
    host: Host,
    issuer: Arc<Issuer>,
    _api: Anthropic,
}

impl World {
    fn new(lives: Duration, takes: Duration) -> Self {
        let (host, issuer) = (host(), Arc::new(Issuer::new(lives, takes)));
        let api = Anthropic::issuing_here(&issuer);
        let run = host.home.join(".cci/run");
        fs::create_dir_all(run.join(SESSION)).unwrap();
        fs::create_dir_all(host.home.join("session/state")).unwrap();
        let note = json!({
            "session": SESSION, "workspace": host.proj, "tool": "claude", "profile": null,
            "endpoint": "/nonexistent/unix.socket", "project": "default", "prefix": host.prefix,
            "state": host.home.join("session/state"), "checkpoints": { "auto": "off" },
            "owner": { "uid": host.user.uid, "gid": host.user.gid() },
            "login": { "mode": "socket", "directory": host.home.join("login"), "api": api.url(),
                "renewed_at": api.token_url(), "max_tokens": 0, "max_requests_per_minute": 0 },
        });
        fs::write(run.join(format!("{SESSION}.json")), note.to_string()).unwrap();
        fs::create_dir_all(host.home.join("login")).unwrap();
        let world = Self { host, issuer, _api: api };
        fs::write(world.file(), world.issuer.login().to_string()).unwrap();
        world
    }

    fn file(&self) -> PathBuf {
        self.host.home.join("login/.credentials.json")
    }

    /// The refresh token on the host.
    fn refresh(&self) -> String {
        let login: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        login["claudeAiOauth"]["refreshToken"].as_str().unwrap().to_owned()
    }

    fn socket(&self) -> PathBuf {
        self.host.home.join(".cci/run").join(SESSION).join("login.sock")
    }

    /// A supervisor that listens.
    fn supervisor(&self) -> Running {
        let mut command = self.host.cci_command(&["supervisor", "run"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Running(child)
    }

    fn log(&self) -> String {
        self.host.cci(&["supervisor", "logs"]).stdout
    }
}

/// The status that a request is answered with; `None` where the supervisor was killed under it.
fn asks(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = r#"{"messages":[]}"#;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ssh-placeholder\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1).map(str::to_owned)
}

#[test]
fn a_supervisor_that_is_killed_while_a_login_is_renewed_loses_nothing() {
    let world = World::new(Duration::from_secs(2), Duration::from_millis(400));
    let seed = seed();
    let mut random = Random::new(seed);
    let (socket, ends) = (world.socket(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let agents: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = Vec::new();
                    while !ends.load(Ordering::Relaxed) {
                        let Some(answer) = asks(&socket) else { continue };
                        answers.push(answer);
                    }
                    answers
                })
            })
            .collect();
        let over = Over(&ends);
        for round in 0..rounds(5, 20) {
            let supervisor = world.supervisor();
            let (before, at) = (world.issuer.posted_once(), Instant::now());
            // half of them while the server's answer is on its way, the others at any moment
            let after = Duration::from_millis(random.below(3_000));
            wait::until("the moment has come", PATIENCE, || {
                let is_spent = round % 2 == 0 && world.issuer.posted_once() > before;
                if is_spent || round % 2 == 1 && at.elapsed() > after { Ok(()) } else { Err(world.log()) }
            });
            drop(supervisor);
        }
        let _supervisor = world.supervisor();
        let before = world.issuer.let_in();
        wait::until("all goes on", PATIENCE, || {
            if world.issuer.let_in() > before + 20 && world.refresh() == world.issuer.refresh() {
                Ok(())
            } else {
                Err(world.log())
            }
        });
        drop(over);
        let answers: Vec<String> = agents.into_iter().flat_map(|agent| agent.join().unwrap()).collect();
        let odd: Vec<&String> = answers.iter().filter(|answer| *answer != "200").collect();
        assert!(odd.is_empty(), "CCI_TEST_SEED={seed}: {odd:?} of {}, {}", answers.len(), world.log());
    });
    assert!(world.issuer.posted_once() > rounds(5, 20) / 2);
    assert_eq!(world.issuer.refused(), Vec::<String>::new());
}

#[test]
fn a_holder_of_the_lock_that_died_where_nobody_sees_it_refuses_no_request() {
    let world = World::new(Duration::from_secs(1), Duration::ZERO);
    let lock = world.host.home.join("login/.oauth_refresh.lock");
    fs::create_dir(&lock).unwrap();
    let owner = json!({ "pid": 1, "pidDomain": "elsewhere", "pidSpace": "elsewhere" });
    fs::write(lock.with_extension("lock.owner"), owner.to_string()).unwrap();
    // it shows nothing any more, and counts for a minute
    let then = std::time::SystemTime::now() - Duration::from_secs(45);
    fs::File::open(&lock).unwrap().set_modified(then).unwrap();
    let _supervisor = world.supervisor();
    wait::until("the first token has ended", PATIENCE, || {
        if asks(&world.socket()).is_some() && world.refresh() != "refresh-0" { Ok(()) } else { Err(world.log()) }
    });
    assert_eq!((world.issuer.posted_once(), world.issuer.refused()), (1, Vec::new()), "{}", world.log());
    assert!(!lock.exists());
}

#[test]
fn a_renewal_goes_on_when_its_supervisor_is_stopped_and_when_it_is_asked_to_end() {
    let world = World::new(Duration::from_secs(1), Duration::from_secs(2));
    let supervisor = world.supervisor();
    let socket = world.socket();
    let asking = std::thread::spawn(move || while asks(&socket).is_some() {});
    wait::until("the token is spent", PATIENCE, || {
        if world.issuer.posted_once() == 1 { Ok(()) } else { Err(world.log()) }
    });
    let all = fs::read_dir("/proc").unwrap().flatten();
    let renewing = all.filter(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let home = fs::read(process.path().join("environ")).unwrap_or_default();
        let is_ours = String::from_utf8_lossy(&home).contains(&format!("HOME={}\0", world.host.home.display()));
        line == b"cci\0supervisor\0renew\0" && is_ours
    });
    let renewing: Vec<String> = renewing.map(|process| process.file_name().into_string().unwrap()).collect();
    assert_eq!(renewing.len(), 1, "{renewing:?}");
    let pid = renewing[0].parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    drop(supervisor);
    wait::until("what came of it is kept", PATIENCE, || {
        if world.refresh() == "refresh-1" { Ok(()) } else { Err(world.log()) }
    });
    asking.join().unwrap();
}
