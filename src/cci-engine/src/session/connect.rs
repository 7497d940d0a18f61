//! The sockets of a session, by which its agent tells its turns to the caller's supervisor.

use std::collections::BTreeMap;
use std::io;

use cci_agent::{Agent, TurnCommands, TurnHooks};
use cci_core::host_disk::HostPath;
use cci_core::idmap::Ids;
use cci_core::plan::{LaunchPlan, SOCKETS};
use cci_core::session::SessionId;
use cci_core::settings::{Auto, CheckpointSettings, Settings};
use cci_core::{Error, Result};
use cci_guest::agent_socket::{self, AUTHORITY_NAME, GH_NAME, SSH_SOCKET};
use cci_host::secrets::Secrets;
use cci_host::store::run_dir::{EgressNote, Hold, MachineNote, Owner, RunDir, Watched};
use cci_incus::Instance;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{SessionEvent, Unwatched};
use crate::launch;
use crate::session::login::{self, Way};
use crate::session::secrets::{self, Granted};
use crate::session::ssh;
use crate::site::host_path;

pub use crate::session::login::TOKEN_URL;

/// Whether a session that these settings start has something to tell: its agent tells its turns, and somebody wants to
/// know.
#[must_use]
pub fn is_wanted(settings: &Settings, debug: bool) -> bool {
    let CheckpointSettings { auto, interval_minutes, agent_may_rewind, .. } = &settings.checkpoints;
    let wanted = *auto == Auto::Turn || *interval_minutes > 0 || *agent_may_rewind;
    wanted && !debug && started(settings).tells_turns()
}

/// The agent that really is started: another program can stand in for the one that the settings name.
fn started(settings: &Settings) -> &'static dyn Agent {
    let binary = settings.tool.binary.as_deref().and_then(|binary| binary.rsplit('/').next());
    binary.and_then(cci_agent::known).unwrap_or_else(|| settings.tool.agent())
}

/// How a session that these settings start is let in by its agent's API.
pub async fn way(cx: &Context) -> Result<Way> {
    login::way(cx, started(&cx.settings)).await
}

/// Whether the caller keeps secrets: sessions then reach the hosts that these are for through the supervisor.
pub async fn has_secrets(cx: &Context) -> bool {
    let kept = Secrets::of(&cx.cci_dir());
    // where they cannot be read, the launch says why
    blocking(move || Ok(kept.all()?.is_empty())).await.is_ok_and(|none| !none)
}

/// What a session gets of them.
pub(super) async fn granted(cx: &Context) -> Result<Granted> {
    let mut granted = secrets::granted(cx).await?;
    match ssh::agent(cx).await {
        Ok(note) => granted.ssh = note,
        Err(why) => granted.no_ssh = Some(why),
    }
    if granted.ssh.is_some() && !cx.environment.contains_key(ssh::AGENT) {
        granted.environment.insert(ssh::AGENT.to_owned(), SSH_SOCKET.to_owned());
    }
    Ok(granted)
}

/// What the agent of a session that runs has in its environment for its login and its secrets.
pub(super) async fn environment_of(cx: &Context, session: SessionId) -> BTreeMap<String, String> {
    let (mut login, secrets) = tokio::join!(login::environment_of(cx, session), secrets::environment_of(cx, session));
    login.extend(secrets);
    let cci_dir = cx.cci_dir();
    let noted = blocking(move || Ok(RunDir::of(&cci_dir).noted(session).and_then(|noted| noted.ssh)));
    if let Ok(Some(_)) = noted.await {
        login.insert(ssh::AGENT.to_owned(), SSH_SOCKET.to_owned());
    }
    login
}

/// What the agent runs of cci's at its turns, and after it has used a tool if its connections are judged by name.
pub(super) fn turn_hooks(settings: &Settings, wanted: bool, is_judged: bool) -> TurnHooks {
    let commands = TurnCommands {
        start: agent_socket::tell(agent_socket::TURN_START),
        end: agent_socket::tell(agent_socket::TURN_END),
    };
    let tells = wanted && settings.checkpoints.auto == Auto::Turn;
    let heard = is_judged.then(|| agent_socket::hear(agent_socket::REFUSED));
    TurnHooks { known_by: agent_socket::SOCKET, commands: tells.then_some(commands), heard }
}

/// A session's directory of sockets, which is not removed while this lives.
pub(super) struct Sockets {
    pub(super) place: HostPath,
    _hold: Hold,
}

/// Makes the directory; a failure is reported and ends nothing, unless the agent is let in by it.
pub(super) fn make(
    cx: &Context,
    id: SessionId,
    owner: Ids,
    (way, granted): (&Way, &Granted),
    is_new: bool,
) -> Result<Option<Sockets>> {
    let make = || -> Result<Sockets> {
        let run = RunDir::of(&cx.cci_dir());
        let hold = run.hold()?;
        let place = host_path::own(&run.make_sockets(id, owner)?)?;
        let sockets = Sockets { place, _hold: hold };
        // the agent that runs keeps to the way that it was started with
        if !is_new {
            return Ok(sockets);
        }
        let owner = Owner { uid: owner.uid, gid: owner.gid };
        let put = |name: &str, put: io::Result<()>| {
            put.map_err(|source| Error::Host { step: "write", path: run.sockets(id).join(name), source })
        };
        if let Some((name, content)) = way.handed_in(&cx.settings) {
            put(name, run.put_login(id, owner, name, &content))?;
        }
        if let Some((name, content)) = granted.gh_config() {
            put(GH_NAME, run.put_in(id, owner, GH_NAME, (name, content.as_bytes())))?;
        }
        if let Some(certificate) = &granted.authority {
            put(AUTHORITY_NAME, run.put_authority(id, owner, certificate))?;
        }
        Ok(sockets)
    };
    match make() {
        Ok(sockets) => Ok(Some(sockets)),
        Err(error) if way.needs_supervisor() => Err(Error::StepFailed {
            step: "preparing the agent's login".into(),
            problem: error.to_string(),
            hint: Some("`login.mode = \"copy\"` copies the login into the container instead".into()),
        }),
        Err(error) => {
            cx.emit(SessionEvent::NotWatched(Unwatched::Failed(error.to_string())));
            Ok(None)
        }
    }
}

/// What the supervisor has to do for a session.
pub(super) struct Wanted<'a> {
    /// Whether it was to have sockets.
    pub(super) sockets: bool,
    /// Whether its agent tells its turns.
    pub(super) is_told: bool,
    pub(super) way: &'a Way,
    pub(super) granted: &'a Granted,
    /// The way out of a new container whose connections are judged by name.
    pub(super) egress: Option<EgressNote>,
    /// What the launch made.
    pub(super) machine: MachineNote,
}

/// Notes the session for the supervisor, if that has something to do for it; returns whether its container has the sockets.
pub(super) fn watch(
    cx: &Context,
    id: SessionId,
    owner: Ids,
    plan: &LaunchPlan,
    live: Option<&Instance>,
    wanted: Wanted<'_>,
) -> Result<bool> {
    let Wanted { sockets, is_told, way, granted, egress, machine } = wanted;
    let has_sockets = || live.map_or_else(|| plan.has_sockets(), |live| live.devices.contains_key(SOCKETS));
    let connected = sockets && has_sockets();
    let is_missed = is_told || way.needs_supervisor() || granted.is_served();
    if sockets && !connected && is_missed && live.is_none() {
        let why = if way.needs_supervisor() { Unwatched::LoginOutOfReach } else { Unwatched::OutOfReach };
        cx.emit(SessionEvent::NotWatched(why));
    }
    let run = RunDir::of(&cx.cci_dir());
    let blank = launch::egress::blank(cx, id, owner);
    // what the agent that runs was started with stays
    let (login, secrets, ssh, egress, machine) = match live {
        Some(_) => {
            let noted = run.noted(id).map(|noted| {
                // an agent that was started again can be elsewhere
                let ssh = noted.ssh.map(|before| granted.ssh.clone().unwrap_or(before));
                (noted.login, noted.secrets, ssh, noted.egress, noted.machine)
            });
            noted.unwrap_or_default()
        }
        None if connected => (way.note.clone(), granted.note.clone(), granted.ssh.clone(), egress, machine),
        None => (None, None, None, egress, machine),
    };
    if !connected && (live.is_some() || egress.is_none()) {
        return Ok(false);
    }
    let is_needed = egress.is_some() && live.is_none();
    let checkpoints = if is_told && connected { cx.settings.checkpoints.clone() } else { blank.checkpoints.clone() };
    let watched = Watched { sockets: connected, login, secrets, ssh, egress, machine, checkpoints, ..blank };
    match run.make().and_then(|()| run.watch(&watched)) {
        Ok(()) => Ok(connected),
        Err(error) if is_needed => Err(error),
        Err(error) => {
            cx.emit(SessionEvent::NotWatched(Unwatched::Failed(error.to_string())));
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(change: impl FnOnce(&mut Settings), debug: bool) -> bool {
        let mut settings = Settings::default();
        change(&mut settings);
        is_wanted(&settings, debug)
    }

    #[test]
    fn only_an_agent_that_tells_its_turns_is_listened_to() {
        assert!(wanted(|_| {}, false));
        assert!(!wanted(|_| {}, true), "a shell has none");
        assert!(!wanted(|settings| settings.tool.name = "dummy".into(), false));
        assert!(!wanted(|settings| settings.tool.binary = Some("/usr/local/bin/dummy".into()), false));
        assert!(wanted(|settings| settings.tool.binary = Some("/opt/mine".into()), false), "a wrapper of the person's");
    }

    #[test]
    fn who_wants_no_checkpoint_gets_no_socket() {
        let off = |settings: &mut Settings| settings.checkpoints.auto = Auto::Off;
        assert!(!wanted(off, false));
        let every = |settings: &mut Settings| {
            off(settings);
            settings.checkpoints.interval_minutes = 5;
        };
        assert!(wanted(every, false));
        let mut settings = Settings::default();
        assert!(turn_hooks(&settings, true, false).commands.is_some());
        every(&mut settings);
        let hooks = turn_hooks(&settings, true, true);
        assert!(hooks.commands.is_none(), "its turns make none");
        assert!(hooks.heard.is_some(), "and it hears what is refused");
    }
}
