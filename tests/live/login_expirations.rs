//! Sessions and the agent on the host go on side by side through many ends of one login's tokens, and nobody is logged
//! out: also while the supervisor is killed, and where a process in a container has died with the agent's locks.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::login::World;
use crate::support::anthropic::Anthropic;
use crate::support::figures::{Random, is_long, note, rounds, seed};
use crate::support::host::{U1234, supervisor};
use crate::support::host_agent::HostAgent;
use crate::support::issuer::Issuer;
use crate::support::wait;

/// How long an access token lives.
const LIVES: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(120);

/// All that use one login: the real agent in slots, and a stand-in for the one on the host.
struct Side {
    world: World,
    issuer: Arc<Issuer>,
    agent: HostAgent,
    slots: Vec<String>,
}

impl Side {
    /// With the login in the workspace, so that a container can reach it too, or where it usually is.
    fn by_side(is_in_workspace: bool) -> Self {
        let issuer = Arc::new(Issuer::new(LIVES, Duration::from_millis(50)));
        let api = Anthropic::issuing(&issuer);
        let mut world = World::with(U1234, "[checkpoints]\nauto = \"off\"\n", &issuer.login(), api);
        let usual = world.host.home.join(".claude");
        let directory = if is_in_workspace { world.host.dir("proj/login") } else { usual.clone() };
        let file = directory.join(".credentials.json");
        if is_in_workspace {
            fs::rename(usual.join(".credentials.json"), &file).unwrap();
            world.elsewhere = Some(directory.clone());
        }
        let owner = (U1234.uid, U1234.gid());
        chown(&file, Some(owner.0), Some(owner.1)).unwrap();
        let agent = HostAgent { directory, url: world.api.url(), owner, early: Duration::from_millis(900) };
        let slots = (1..=rounds(3, 10)).map(|slot| world.start_in(&slot.to_string())).collect();
        Self { world, issuer, agent, slots }
    }

    /// All of them work until so many tokens have been renewed and what is done to them meanwhile is over; then nothing
    /// has been refused, each refresh token has been used once, and the host has the last one.
    fn go_on(&self, what: &str, renewals: usize, meanwhile: impl FnOnce() + Send) {
        let (renewed_before, let_in_before) = (self.issuer.posted_once(), self.issuer.let_in());
        let (is_done, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        let goes_on = || !is_done.load(Ordering::Relaxed) || self.issuer.posted_once() < renewed_before + renewals;
        let work = |slot: &str| {
            let prompts = (1..).take_while(|_| goes_on());
            // short, so that the screen breaks no line
            prompts.for_each(|number: usize| self.world.prompt(slot, &format!("hello number {number}")));
        };
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut answers = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    answers.push(self.agent.asks());
                }
                answers
            });
            let working: Vec<_> = self.slots.iter().map(|slot| scope.spawn(|| work(slot))).collect();
            let doing = scope.spawn(meanwhile);
            let is_well = doing.join().is_ok();
            is_done.store(true, Ordering::Relaxed);
            let worked: Vec<_> = working.into_iter().map(ScopedJoinHandle::join).collect();
            is_over.store(true, Ordering::Relaxed);
            let answers = asking.join().unwrap();
            assert!(is_well && worked.iter().all(Result::is_ok), "{what}: {}", self.state());
            assert!(answers.iter().all(|status| *status == 200), "{what}: {answers:?}");
        });
        assert_eq!(self.issuer.refused(), Vec::<String>::new(), "{what}: no request was refused");
        let (renewed, let_in) = (self.issuer.posted_once() - renewed_before, self.issuer.let_in() - let_in_before);
        let kept = || {
            let file = fs::read(self.agent.directory.join(".credentials.json")).unwrap();
            let login: Value = serde_json::from_slice(&file).unwrap();
            let kept = login["claudeAiOauth"]["refreshToken"].clone();
            if kept == self.issuer.refresh() { Ok(()) } else { Err(kept.to_string()) }
        };
        wait::until("the host has the last refresh token", LONG, kept);
        let slots = self.slots.len();
        note(&format!(
            "logins, {what}: {slots} slots and the host, {renewed} renewals, {let_in} requests, none refused"
        ));
    }

    /// A process in a container takes the locks as the agent does, and dies with them; it was so old by then. Returns when
    /// somebody else has gone on.
    fn dies_with_the_locks(&self, slot: &str, age: u64) {
        let script = format!(
            r#"cd /workspace/login && until mkdir .oauth_refresh.lock 2>/dev/null; do :; done && mkdir ../login.lock &&
            printf '{{"pid":%s,"pidDomain":"linux","pidSpace":"%s"}}' $$ "$(readlink /proc/self/ns/pid)" >.oauth_refresh.lock.owner &&
            touch -d '-{age} seconds' ../login.lock .oauth_refresh.lock && stat -c %i .oauth_refresh.lock"#
        );
        let renewed = self.issuer.posted_once();
        let left: u64 = self.world.inside(slot, "code", &script).ok().stdout.trim().parse().unwrap();
        wait::until("somebody else goes on", LONG, || {
            let lock = fs::symlink_metadata(self.agent.directory.join(".oauth_refresh.lock"));
            let is_there = lock.is_ok_and(|lock| lock.ino() == left);
            if !is_there && self.issuer.posted_once() > renewed { Ok(()) } else { Err(self.log()) }
        });
    }

    /// What explains a failure: the supervisor's log, and the sockets as each container has them.
    fn state(&self) -> String {
        let sockets =
            |slot: &String| self.world.inside(slot, "root", "date; ls -la --full-time /var/lib/cci").to_string();
        self.slots.iter().map(sockets).fold(self.log(), |all, one| format!("{all}\n{one}"))
    }

    fn log(&self) -> String {
        self.world.host.cci(&["supervisor", "logs"]).stdout
    }
}

#[test]
fn nobody_is_logged_out_while_tokens_end_again_and_again() {
    let side = Side::by_side(false);
    side.go_on("undisturbed", rounds(4, 50), || ());
}

#[test]
fn nobody_is_logged_out_while_the_supervisor_is_killed_at_random_moments() {
    let side = Side::by_side(false);
    let (home, seed) = (&side.world.host.home, seed());
    let mut random = Random::new(seed);
    side.go_on(&format!("the supervisor killed, CCI_TEST_SEED={seed}"), rounds(4, 50), || {
        for _ in 0..rounds(4, 20) {
            let (began, after) = (Instant::now(), Duration::from_millis(random.below(4_000)));
            wait::until("the moment has come", LONG, || match supervisor::of(home) {
                Some(_) if began.elapsed() > after => Ok(()),
                other => Err(format!("{other:?}")),
            });
            supervisor::kill(home);
        }
    });
}

#[test]
fn nobody_is_logged_out_where_a_process_in_a_container_died_with_the_locks() {
    let side = Side::by_side(true);
    // a lock counts for a minute; the short form does not wait for all of it
    let ages: &[u64] = if is_long() { &[0, 30, 55] } else { &[52] };
    side.go_on("a holder of the locks died", rounds(3, 50), || {
        for age in ages {
            side.dies_with_the_locks(&side.slots[0], *age);
        }
    });
}
