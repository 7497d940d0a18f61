//! `~/.cci/run`: the supervisor's own socket, and for each session with sockets a directory, which its container writes
//! too, and beside it a note that the supervisor finds it by.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cci_agent::Provided;
use cci_core::account::AccountName;
use cci_core::idmap::Ids;
use cci_core::network::{Allowance, ProxyVariables};
use cci_core::secret::{Remote, SecretName};
use cci_core::session::SessionId;
use cci_core::settings::{CheckpointSettings, LoginMode};
use cci_guest::agent_socket::{AUTHORITY_NAME, NOTICE_NAME};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::guest_dir::GuestDir;
use super::kept_list::{self, List, Of};
use super::put::{self, PRIVATE, host};
use super::remove;

/// What ends the name of a note.
const NOTE: &str = ".json";
/// The same of a session whose container is stopped, and stays.
const KEPT: &str = ".kept";
/// What begins the name of a directory that is being removed.
const GONE: &str = ".gone-";

/// The directory with a login that is in a container.
pub const LOGIN: &str = "login";

/// A session that the supervisor has to do with, as its launch noted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The conversation. What has none, such as a single command, is noted under an id of its own.
    pub session: SessionId,
    /// The launch by which its container is known, where there is no conversation.
    #[serde(default)]
    pub launch: Option<String>,
    /// Whether its container has the directory with its sockets.
    #[serde(default = "yes")]
    pub sockets: bool,
    /// Its workspace.
    pub workspace: PathBuf,
    /// The agent.
    pub tool: String,
    /// The profile of the launch.
    pub profile: Option<String>,
    /// Where its Incus is: the socket.
    pub endpoint: String,
    /// The Incus project.
    pub project: String,
    /// What container names begin with.
    pub prefix: String,
    /// Where its conversation is on the host.
    pub state: PathBuf,
    /// What `CCI_SESSIONS_DIR` said, if it was set.
    #[serde(default)]
    pub sessions_dir: Option<PathBuf>,
    /// What it runs in, for its record.
    #[serde(default)]
    pub machine: MachineNote,
    /// The host user that the agent is.
    pub owner: Owner,
    /// What the session's requests are let in with, if they come to the supervisor.
    #[serde(default)]
    pub login: Option<LoginNote>,
    /// The secrets that its requests may carry.
    #[serde(default)]
    pub secrets: Option<SecretsNote>,
    /// The SSH agent that its programs may have sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshNote>,
    /// The way out of its connections that are judged by name, if it has one.
    #[serde(default)]
    pub egress: Option<EgressNote>,
    /// `[checkpoints]` of the launch.
    #[serde(deserialize_with = "of_any_version")]
    pub checkpoints: CheckpointSettings,
}

/// Every session had them once.
fn yes() -> bool {
    true
}

/// Settings that another version may have written: what they lack has its usual value, what nobody knows is passed over.
fn of_any_version<'de, D: serde::Deserializer<'de>>(noted: D) -> Result<CheckpointSettings, D::Error> {
    use serde::de::Error;
    let noted = serde_json::Map::deserialize(noted)?;
    let mut settings = serde_json::to_value(CheckpointSettings::default()).map_err(D::Error::custom)?;
    for (key, value) in noted {
        if let Some(known) = settings.get_mut(&key) {
            *known = value;
        }
    }
    serde_json::from_value(settings).map_err(D::Error::custom)
}

/// How a session is let in by its agent's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginNote {
    /// What of the login is in the container.
    pub mode: LoginMode,
    /// The directory of the login on the host.
    pub directory: PathBuf,
    /// Which account it is; none is the agent's own login.
    #[serde(default)]
    pub account: Option<AccountName>,
    /// Where the API is.
    pub api: String,
    /// Whose it is, if it is not the agent's own.
    #[serde(default)]
    pub provided: Option<Provided>,
    /// Where the login is renewed.
    pub renewed_at: String,
    /// How many tokens the session may use; 0 is no limit.
    pub max_tokens: u32,
    /// How many requests it may make in a minute; 0 is no limit.
    pub max_requests_per_minute: u32,
}

/// The SSH agent of a session's caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshNote {
    /// Its socket.
    pub agent: PathBuf,
}

/// Which secrets a session's requests may carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsNote {
    /// Their names; what they are and for which hosts is read for each request.
    pub names: Vec<SecretName>,
    /// The repositories of its workspace, for tokens that are bound to these.
    pub remotes: Vec<Remote>,
    /// The certificate of the authority that its container was made to trust; without it no TLS is ended for it. A later
    /// authority is not that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusts: Option<String>,
}

/// Where connections of a session leave that are judged by the name they ask for, and what they may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressNote {
    /// Its container, as the person's commands name it.
    pub container: String,
    /// The container's address: what comes from there is the session's.
    pub address: Ipv4Addr,
    /// Where the container's network sends them, by the port that they were for.
    pub doors: BTreeMap<u16, SocketAddr>,
    /// Entries of `network.allowed_domains`.
    pub allowed: Vec<String>,
    /// Those of `network.hosts` that are judged by name, with the address of each.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The proxies of the host that they go out through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyVariables>,
    /// The name server that is asked instead of the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<SocketAddr>,
    /// Whether its agent may ask for hosts.
    #[serde(default)]
    pub ask: bool,
    /// Whether it may ask for any name, which are to be known afterwards.
    #[serde(default)]
    pub learns: bool,
    /// Whether it hears of nothing that only this host and its network know.
    #[serde(default)]
    pub withholds_local: bool,
}

/// A host that an agent has asked its person to allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostRequest {
    /// The name, and its ports.
    pub entry: String,
    /// Why, in the agent's words.
    pub reason: String,
    /// When, in RFC 3339.
    pub at: String,
}

/// What a session runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineNote {
    /// Its container.
    pub container: String,
    /// The image.
    pub image: String,
    /// The mode of the network.
    pub network: String,
    /// The launch that made it. What was allowed or asked for in one is nothing to the next, whatever its name.
    #[serde(default)]
    pub launch: String,
}

/// A host user and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// `~/.cci/run`.
#[derive(Debug, Clone)]
pub struct RunDir(PathBuf);

/// While it lives, no directory of a session is removed.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

impl RunDir {
    /// Of this `~/.cci`.
    #[must_use]
    pub fn of(cci_dir: &Path) -> Self {
        Self(cci_dir.join("run"))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, for this user only.
    pub fn make(&self) -> cci_core::Result<()> {
        put::private_directory(&self.0)
    }

    /// The directory with a session's sockets.
    #[must_use]
    pub fn sockets(&self, session: SessionId) -> PathBuf {
        self.0.join(session.to_string())
    }

    /// Makes a session's directory, which belongs to who the agent is on the host.
    pub fn make_sockets(&self, session: SessionId, owner: Ids) -> cci_core::Result<PathBuf> {
        let path = self.sockets(session);
        let made = GuestDir::open(&self.0, owner).and_then(|run| run.subdir(session.to_string()));
        made.map(|_| path.clone()).map_err(host("create", &path))
    }

    /// Puts a file into a directory of its own among a session's sockets, for the session's own user.
    pub fn put_login(&self, session: SessionId, owner: Owner, name: &str, content: &[u8]) -> io::Result<()> {
        self.put_in(session, owner, LOGIN, (name, content))
    }

    /// The same in a directory of this name.
    pub fn put_in(
        &self,
        session: SessionId,
        owner: Owner,
        directory: &str,
        (name, content): (&str, &[u8]),
    ) -> io::Result<()> {
        let owner = Ids { uid: owner.uid, gid: owner.gid };
        let sockets = GuestDir::open(&self.sockets(session), owner)?;
        sockets.subdir(directory)?.write(name, content)
    }

    /// Puts the certificate of the user's authority there: the container's programs are made to trust it when it starts.
    pub fn put_authority(&self, session: SessionId, owner: Owner, certificate: &str) -> io::Result<()> {
        let owner = Ids { uid: owner.uid, gid: owner.gid };
        let sockets = GuestDir::open(&self.sockets(session), owner)?;
        let name = format!("{AUTHORITY_NAME}.crt");
        sockets.remove(Path::new(&name));
        sockets.write(&name, certificate.as_bytes())
    }

    /// Puts the line for the status bar there, for the session's own user; an empty one is none.
    pub fn put_notice(&self, session: SessionId, owner: Owner, line: &str) -> io::Result<()> {
        let owner = Ids { uid: owner.uid, gid: owner.gid };
        let sockets = GuestDir::open(&self.sockets(session), owner)?;
        sockets.remove(Path::new(NOTICE_NAME));
        if line.is_empty() { Ok(()) } else { sockets.write(NOTICE_NAME, line.as_bytes()) }
    }

    /// Keeps the directories and notes of all sessions as they are: a launch makes a directory before there is a container,
    /// and notes its session afterwards.
    pub fn hold(&self) -> cci_core::Result<Hold> {
        self.make()?;
        let path = self.lock_path();
        let lock = opened(&path).map_err(host("open", &path))?;
        lock.lock_shared().map_err(host("lock", &path))?;
        Ok(Hold { _lock: lock })
    }

    fn lock_path(&self) -> PathBuf {
        self.0.join("launches.lock")
    }

    fn note(&self, session: SessionId) -> PathBuf {
        self.0.join(format!("{session}{NOTE}"))
    }

    /// Notes a session, once its container is there. It is not flushed: a container does not outlive the host either.
    pub fn watch(&self, watched: &Watched) -> cci_core::Result<()> {
        let _hold = self.hold()?;
        self.put_note(watched)
    }

    fn put_note(&self, watched: &Watched) -> cci_core::Result<()> {
        let path = self.note(watched.session);
        let beside = put::beside(&path);
        let text = serde_json::to_vec(watched).map_err(|error| host("write", &path)(error.into()))?;
        let put = || -> io::Result<()> {
            use std::io::Write;
            OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&beside)?.write_all(&text)?;
            fs::rename(&beside, &path)
        };
        put().map_err(host("write", &path))?;
        // left by an earlier start of the container; the next look finds it again
        let _ = fs::remove_file(self.kept_note(watched.session));
        self.forget_replaced(watched);
        Ok(())
    }

    /// Forgets the sessions in whose container's place this one's is: nobody may have noticed that they ended.
    fn forget_replaced(&self, watched: &Watched) {
        let Some(way) = &watched.egress else { return };
        let is_replaced = |other: &Watched| {
            let has_its_place = other.egress.as_ref().is_some_and(|other_way| {
                let same_name = other.project == watched.project && other_way.container == way.container;
                same_name || other_way.address == way.address && other_way.doors == way.doors
            });
            other.session != watched.session && other.endpoint == watched.endpoint && has_its_place
        };
        for other in self.watched().into_iter().chain(self.kept()).filter(is_replaced) {
            self.forget(&other);
        }
    }

    fn kept_note(&self, session: SessionId) -> PathBuf {
        self.0.join(format!("{session}{KEPT}"))
    }

    /// The sessions that are noted; what cannot be read is none.
    #[must_use]
    pub fn watched(&self) -> Vec<Watched> {
        self.notes(NOTE)
    }

    /// The sessions whose containers were stopped when they were last looked at.
    #[must_use]
    pub fn kept(&self) -> Vec<Watched> {
        self.notes(KEPT)
    }

    fn notes(&self, end: &str) -> Vec<Watched> {
        let read = |name: &str| -> Option<Watched> {
            name.strip_suffix(end)?.parse::<SessionId>().ok()?;
            serde_json::from_slice(&fs::read(self.0.join(name)).ok()?).ok()
        };
        let mut all: Vec<Watched> = self.names().iter().filter_map(|name| read(name)).collect();
        all.sort_by_key(|watched| watched.session.to_string());
        all
    }

    /// What is noted of a session, also of one whose container was stopped.
    #[must_use]
    pub fn noted(&self, session: SessionId) -> Option<Watched> {
        self.watched().into_iter().chain(self.kept()).find(|watched| watched.session == session)
    }

    /// The session of a container whose connections are judged by name.
    #[must_use]
    pub fn judged(&self, project: &str, container: &str) -> Option<Watched> {
        let is_its = |watched: &Watched| {
            watched.project == project && watched.egress.as_ref().is_some_and(|note| note.container == container)
        };
        self.watched().into_iter().find(is_its)
    }

    /// What a session's container may reach beside its policy, also what has ended since.
    #[must_use]
    pub fn allowances(&self, watched: &Watched) -> Vec<Allowance> {
        kept_list::read(&self.0, of(watched), List::Allowed)
    }

    /// Notes what a session's container may reach beside its policy.
    pub fn note_allowances(&self, watched: &Watched, all: &[Allowance]) -> io::Result<()> {
        kept_list::note(&self.0, of(watched), List::Allowed, all)
    }

    /// What the agent in a session's container has asked its person to allow.
    #[must_use]
    pub fn requests(&self, watched: &Watched) -> Vec<HostRequest> {
        kept_list::read(&self.0, of(watched), List::Requested)
    }

    /// Notes what the agent in a session's container has asked its person to allow.
    pub fn note_requests(&self, watched: &Watched, all: &[HostRequest]) -> io::Result<()> {
        kept_list::note(&self.0, of(watched), List::Requested, all)
    }

    /// Whether any session is noted.
    #[must_use]
    pub fn has_watched(&self) -> bool {
        !self.watched().is_empty()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Forgets a session. One that was noted anew meanwhile stays.
    pub fn forget(&self, watched: &Watched) {
        // the next look finds it again if it cannot be removed
        if self.watched().contains(watched) {
            let _ = fs::remove_file(self.note(watched.session));
            kept_list::forget(&self.0, watched.session);
        }
        let _ = fs::remove_file(self.kept_note(watched.session));
    }

    /// The same for one whose container is gone; false if a launch is in progress, which may be about to note it anew.
    pub fn forget_gone(&self, watched: &Watched) -> cci_core::Result<bool> {
        self.between_launches(|| {
            self.forget(watched);
            Ok(())
        })
    }

    /// Sets a session aside whose container is stopped, and stays: what was allowed was so while it ran. One that was noted
    /// anew meanwhile stays watched. False if a launch is in progress.
    pub fn set_aside(&self, watched: &Watched) -> cci_core::Result<bool> {
        self.between_launches(|| {
            if self.watched().contains(watched) {
                let _ = fs::rename(self.note(watched.session), self.kept_note(watched.session));
                kept_list::forget(&self.0, watched.session);
            }
            Ok(())
        })
    }

    /// Watches a session again that was set aside, unless it was noted anew meanwhile; false if a launch is in progress.
    pub fn watch_again(&self, watched: &Watched) -> cci_core::Result<bool> {
        self.between_launches(|| {
            let is_aside = self.kept().contains(watched) && !self.note(watched.session).exists();
            if is_aside { self.put_note(watched) } else { Ok(()) }
        })
    }

    /// Removes the directories of sessions that are not noted; false if a launch is in progress.
    pub fn remove_left(&self) -> cci_core::Result<bool> {
        let moved = self.between_launches(|| {
            let noted: Vec<SessionId> = self.watched().iter().chain(&self.kept()).map(|one| one.session).collect();
            for session in self.with_sockets().iter().filter(|session| !noted.contains(session)) {
                let gone = self.0.join(format!("{GONE}{}", uuid::Uuid::new_v4().simple()));
                fs::rename(self.sockets(*session), &gone).map_err(host("remove", &self.sockets(*session)))?;
            }
            Ok(())
        })?;
        for name in self.names().iter().filter(|name| name.starts_with(GONE)) {
            let path = self.0.join(name);
            remove::path(&path).map_err(host("remove", &path))?;
        }
        Ok(moved)
    }

    /// Does something while no launch is between making a directory and noting its session; false if one may be.
    fn between_launches(&self, act: impl FnOnce() -> cci_core::Result<()>) -> cci_core::Result<bool> {
        let path = self.lock_path();
        let lock = match opened(&path) {
            Ok(lock) => lock,
            // nothing is noted where there is no directory, and none is made
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(host("open", &path)(error)),
        };
        if lock.try_lock().is_err() {
            return Ok(false);
        }
        act().map(|()| true)
    }

    fn with_sockets(&self) -> Vec<SessionId> {
        self.names().iter().filter_map(|name| name.parse().ok()).collect()
    }
}

/// The lock of launches, which is made where it is missing.
fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path)
}

/// Whose lists these are: the session's, as long as this launch of its container runs.
fn of(watched: &Watched) -> Of<'_> {
    Of { session: watched.session, launch: &watched.machine.launch }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    fn here() -> Ids {
        Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    fn watched(session: SessionId) -> Watched {
        Watched {
            session,
            launch: None,
            sockets: true,
            workspace: "/w".into(),
            tool: "t".into(),
            profile: None,
            endpoint: "/s".into(),
            project: "default".into(),
            prefix: "cci-".into(),
            state: "/h/state".into(),
            machine: MachineNote::default(),
            sessions_dir: None,
            owner: Owner { uid: 1, gid: 1 },
            login: None,
            secrets: None,
            ssh: None,
            egress: None,
            checkpoints: CheckpointSettings::default(),
        }
    }

    #[test]
    fn a_session_is_found_by_its_note_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        assert!(!run.has_watched() && run.watched().is_empty());
        run.make().unwrap();
        let (one, two) = (watched(SessionId::from_random([1; 16])), watched(SessionId::from_random([2; 16])));
        run.watch(&one).unwrap();
        run.watch(&two).unwrap();
        fs::write(dir.path().join("run/other.json"), "{}").unwrap();
        fs::write(dir.path().join(format!("run/{}.json", SessionId::from_random([3; 16]))), "{").unwrap();
        assert_eq!(run.watched(), [one.clone(), two.clone()]);
        run.forget(&Watched { project: "earlier".into(), ..one.clone() });
        assert_eq!(run.watched().len(), 2, "a newer note is another session's");
        run.forget(&one);
        assert_eq!(run.watched().len(), 1);
        assert!(run.set_aside(&two).unwrap());
        assert!(!run.has_watched() && run.kept() == [two.clone()], "a stopped container needs nobody");
        run.watch(&two).unwrap();
        assert_eq!((run.watched(), run.kept()), (vec![two.clone()], vec![]));
        run.forget(&two);
        assert!(!run.has_watched());
        let mut note = serde_json::to_value(&two).unwrap();
        note["checkpoints"] = serde_json::json!({ "interval_minutes": 7, "of_a_newer_cci": true });
        fs::write(run.note(two.session), note.to_string()).unwrap();
        let checkpoints = CheckpointSettings { interval_minutes: 7, ..CheckpointSettings::default() };
        assert_eq!(run.watched(), [Watched { checkpoints, ..two }], "another version's note");
        assert_eq!(fs::metadata(dir.path().join("run")).unwrap().mode() & 0o777, 0o700);
    }

    fn with_way_out(session: u8, container: &str, address: u8, launch: &str) -> Watched {
        let egress = EgressNote {
            container: container.into(),
            address: Ipv4Addr::new(10, 128, 3, address),
            doors: BTreeMap::new(),
            allowed: Vec::new(),
            hosts: Vec::new(),
            proxy: None,
            resolver: None,
            ask: false,
            learns: false,
            withholds_local: false,
        };
        let machine = MachineNote { launch: launch.into(), ..MachineNote::default() };
        Watched { machine, egress: Some(egress), ..watched(SessionId::from_random([session; 16])) }
    }

    #[test]
    fn what_was_allowed_or_asked_for_is_nothing_to_another_launch() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        run.make().unwrap();
        let first = with_way_out(1, "c-1", 7, "first");
        run.watch(&first).unwrap();
        let all = [Allowance::of("a.example", None).unwrap()];
        let asked = [HostRequest { entry: "b.example:443".into(), reason: String::new(), at: String::new() }];
        let note = || {
            run.note_allowances(&first, &all).unwrap();
            run.note_requests(&first, &asked).unwrap();
        };
        note();
        assert_eq!((run.allowances(&first), run.requests(&first)), (all.to_vec(), asked.to_vec()));
        // the same conversation in another container of the same name
        let next = with_way_out(1, "c-1", 7, "next");
        run.watch(&next).unwrap();
        assert_eq!((run.allowances(&next), run.requests(&next)), (vec![], vec![]));
        // and the same container, started again after a stop
        run.watch(&first).unwrap();
        note();
        assert!(run.set_aside(&first).unwrap());
        run.watch(&first).unwrap();
        assert_eq!((run.allowances(&first), run.requests(&first)), (vec![], vec![]));
    }

    #[test]
    fn a_container_takes_the_place_of_the_one_whose_name_or_address_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        run.make().unwrap();
        let stays = with_way_out(4, "c-4", 9, "x");
        for other in [with_way_out(9, "c-1", 3, "a"), with_way_out(8, "c-2", 7, "b"), stays.clone()] {
            run.watch(&other).unwrap();
            run.note_allowances(&other, &[Allowance::of("a.example", None).unwrap()]).unwrap();
        }
        assert!(run.set_aside(&with_way_out(8, "c-2", 7, "b")).unwrap());
        let next = with_way_out(1, "c-1", 7, "c");
        run.watch(&next).unwrap();
        assert_eq!((run.watched(), run.kept()), (vec![next, stays.clone()], vec![]));
        assert_eq!(run.judged("default", "c-1").unwrap().machine.launch, "c");
        assert_eq!(run.allowances(&stays).len(), 1);
        let elsewhere = Watched { endpoint: "/other".into(), ..with_way_out(2, "c-4", 9, "y") };
        run.watch(&elsewhere).unwrap();
        assert!(run.watched().contains(&stays), "another Incus has its own");
    }

    #[test]
    fn a_directory_is_removed_with_all_that_a_guest_put_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        let [left, noted, stopped] = [1, 2, 3].map(|id| SessionId::from_random([id; 16]));
        let hold = run.hold().unwrap();
        let sockets = run.make_sockets(left, here()).unwrap();
        for session in [noted, stopped] {
            run.make_sockets(session, here()).unwrap();
            run.watch(&watched(session)).unwrap();
        }
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/kept"), "x").unwrap();
        symlink(dir.path().join("outside"), sockets.join("link")).unwrap();
        remove::plant_deep(&sockets, 2_000);
        let may_go = [run.remove_left(), run.forget_gone(&watched(noted)), run.set_aside(&watched(noted))];
        assert!(may_go.into_iter().all(|went| !went.unwrap()), "a launch is in progress");
        assert!(sockets.is_dir() && run.watched().contains(&watched(noted)));
        drop(hold);
        assert!(run.set_aside(&watched(stopped)).unwrap() && run.remove_left().unwrap());
        assert!(!sockets.exists() && dir.path().join("outside/kept").exists());
        assert!(run.sockets(noted).is_dir() && run.sockets(stopped).is_dir());
        assert!(run.remove_left().unwrap(), "it is gone already");
    }

    #[test]
    fn a_home_that_is_gone_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        let one = watched(SessionId::from_random([1; 16]));
        let looks = [run.remove_left(), run.forget_gone(&one), run.set_aside(&one), run.watch_again(&one)];
        assert!(looks.into_iter().all(|done| done.unwrap()));
        assert!(!run.path().exists());
    }

    #[test]
    fn no_directory_of_a_session_is_removed_that_is_noted_while_it_is_looked() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        run.make().unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let looks = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    run.remove_left().unwrap();
                }
            });
            let lost = (0..1_000).find(|number: &u128| {
                let session = watched(SessionId::from_random(number.to_le_bytes()));
                let hold = run.hold().unwrap();
                run.make_sockets(session.session, here()).unwrap();
                run.watch(&session).unwrap();
                drop(hold);
                // what was being looked at is over once it has been looked again
                let _seen = run.hold().unwrap();
                let is_lost = !run.sockets(session.session).is_dir();
                run.forget(&session);
                is_lost
            });
            over.store(true, Ordering::Relaxed);
            looks.join().unwrap();
            assert_eq!(lost, None);
        });
    }

    #[test]
    fn what_was_put_in_the_place_of_a_directory_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::of(dir.path());
        run.make().unwrap();
        let session = SessionId::from_random([1; 16]);
        symlink("/", run.sockets(session)).unwrap();
        assert!(run.make_sockets(session, here()).unwrap().symlink_metadata().unwrap().is_dir());
    }
}
