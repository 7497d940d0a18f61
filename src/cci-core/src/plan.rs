//! The one launch plan: what is asked, what is set and what the host is, turned into the instance to create and the
//! way to start the agent in it. Every verb that launches executes the same plan and differs in its last exec only.

mod devices;
mod facts;
mod git_view;
mod machine;
mod otherwise;
mod roots;
mod state_volume;
mod warning;

use std::collections::BTreeMap;
use std::path::PathBuf;

use cci_agent::{Agent, Start, Tool};
use cci_guest::author::Author;
use cci_guest::closed::Closed;
use cci_guest::gvisor;
use cci_guest::layout::WORKSPACE;
use cci_incus_types::Devices;

pub use self::devices::{KNOWN_HOSTS, PLACE, SOCKETS};
use self::devices::{RESOLV, SESSION, devices, disks, pool};
pub use self::facts::{Ask, HostFacts, Network, Nic};
pub use self::git_view::GitView;
pub use self::roots::Roots;
pub use self::state_volume::StateVolume;
pub use self::warning::PlanWarning;
use crate::address::Subnet;
use crate::boundary::Boundary;
use crate::environment;
use crate::error::{Error, Result};
use crate::git_device;
use crate::host_disk::HostDisk;
use crate::idmap::{self, Idmap};
use crate::lifetime::Lifetime;
use crate::machine_id::MachineId;
use crate::mark::{Kind, Marks};
use crate::name::{ContainerName, Prefix};
use crate::network::{Mode, Policy};
use crate::pin::Pinned;
use crate::session::SessionId;
use crate::settings::{Limits, Settings};
use crate::slot::Slot;
use crate::stop_hook::StopHook;
use crate::workspace::Workspace;

/// Whether a device shows something of cci's own directory.
fn is_of_home(device: &str) -> bool {
    [SESSION, SOCKETS, RESOLV, KNOWN_HOSTS].contains(&device) || git_device::is_redirect(device)
}

/// A user of the container, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestUser {
    /// The user id in the container.
    pub uid: u32,
    /// The group id in the container.
    pub gid: u32,
}

/// How one launch is carried out.
#[derive(Debug, Clone)]
pub struct LaunchPlan {
    /// The project directory.
    pub workspace: Workspace,
    /// Whether the container outlives its stop.
    pub lifetime: Lifetime,
    /// What it may reach.
    pub network: Mode,
    /// What stands between the agent and the host's kernel.
    pub boundary: Boundary,
    /// The agent.
    pub tool: Tool,
    /// Who runs in it.
    pub user: GuestUser,
    /// What the agent and commands find in their environment.
    pub environment: BTreeMap<String, String>,
    /// The author of its commits.
    pub author: Author,
    /// Where in the container the agent and commands work.
    pub place: String,
    /// Things the user should know before it starts.
    pub warnings: Vec<PlanWarning>,
    /// Whether the daemon reaches the caller's home: what is kept there is mounted then.
    reaches_home: bool,
    /// Shell lines that make the container's own settings of git.
    git_lines: String,
    /// What of the workspace's own repository is closed as the container starts.
    closed: Vec<Closed>,
    /// Whether the image leaves it to the host to name the name server.
    takes_resolv: bool,
    /// The storage pool of the root disk, where it is known.
    pool: Option<String>,
    /// Those of these variables by which the agent is let in through the sockets.
    login: BTreeMap<String, String>,
    /// Whom the container's programs trust.
    roots: Roots,
    prefix: Prefix,
    marks: Marks,
    nic: Option<Nic>,
    policy: Option<Policy>,
    nft: Option<PathBuf>,
    stop_hook: Option<StopHook>,
    nesting: bool,
    limits: Limits,
    map: Idmap,
    /// What of the host is mounted.
    disks: Vec<HostDisk>,
    /// The other devices.
    devices: Devices,
    /// The identity that the container gets, if not the one in its root file system.
    machine_id: Option<MachineId>,
    /// How far from its usual place in the network the address is looked for.
    detour: u32,
    /// Tells the containers of one launch apart: the end of one must not take what belongs to the next.
    attempt: u32,
}

impl LaunchPlan {
    /// Decides everything that does not depend on which slot will be had.
    pub fn new(ask: &Ask, settings: &Settings, host: &HostFacts) -> Result<Self> {
        let map = idmap::decide(settings.incus.idmap, &host.idmap).map_err(|missing| Error::HostUnfit {
            problem: missing.to_string(),
            hint: Some("`cci setup` adds the missing line".into()),
        })?;
        let lifetime = Lifetime::persistent(settings.defaults.persistent);
        let tool = tool(settings);
        let marks = Marks {
            kind: Kind::Session,
            owner_uid: ask.owner_uid,
            launch: ask.launch.clone(),
            workspace: Some(ask.workspace.path().to_owned()),
            slot: None,
            session: ask.session.as_ref().map(|(id, _)| *id),
            tool: Some(tool.name.clone()),
            profile: settings.profile.clone(),
            network: Some(settings.network.mode.word().to_owned()),
            image: Some(settings.defaults.image.clone()),
            lifetime,
            checkpoint: None,
            store: None,
        };
        let (configured, asked) = (settings.environment(), &ask.environment);
        let mut own = environment::environment(settings.tool.agent(), &host.locale, &configured, asked);
        if settings.defaults.boundary == Boundary::Gvisor {
            environment::only_of_system(&mut own);
        }
        let disks = disks(ask, host, &map, &environment::state(settings.tool.agent()));
        let place = disks.iter().find(|disk| disk.device == PLACE).map_or(WORKSPACE, |disk| &disk.path).to_owned();
        Ok(Self {
            workspace: ask.workspace.clone(),
            lifetime,
            network: settings.network.mode,
            boundary: settings.defaults.boundary,
            tool,
            user: GuestUser { uid: settings.incus.agent_uid, gid: settings.incus.agent_uid },
            environment: own.into_iter().chain(ask.login.clone()).collect(),
            login: ask.login.clone(),
            roots: ask.roots,
            author: host.author.clone(),
            place,
            git_lines: host.git.lines.clone(),
            closed: host.git.closed.clone(),
            warnings: warning::warnings(settings, &host.idmap, &map),
            reaches_home: true,
            takes_resolv: false,
            pool: pool(settings, host),
            prefix: ask.prefix.clone(),
            nic: host.nic.clone(),
            policy: host.policy.clone(),
            nft: host.nft.clone(),
            stop_hook: host.stop_hook.clone().filter(|_| !lifetime.is_persistent()),
            nesting: settings.defaults.docker,
            limits: settings.limits.clone(),
            disks,
            devices: devices(settings, host),
            machine_id: None,
            marks,
            map,
            detour: 0,
            attempt: 0,
        })
    }

    /// The container's name in a slot.
    #[must_use]
    pub fn name(&self, slot: Slot) -> ContainerName {
        ContainerName::new(&self.prefix, &self.workspace, slot)
    }

    /// The text that tells this launch from every other.
    #[must_use]
    pub fn launch(&self) -> &str {
        &self.marks.launch
    }

    /// The conversation; a single command has none.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.marks.session
    }

    /// What cci knows of the agent.
    #[must_use]
    pub fn agent(&self) -> &'static dyn Agent {
        cci_agent::agent(&self.tool.name)
    }

    /// The argv that starts the agent.
    #[must_use]
    pub fn command(&self, start: &Start) -> Vec<String> {
        self.agent().command(&self.tool, start)
    }

    /// What runs a command inside the boundary.
    #[must_use]
    pub fn inside(&self, command: &[String]) -> Vec<String> {
        match self.boundary {
            Boundary::Gvisor => gvisor::inside(command),
            Boundary::Container => command.to_vec(),
        }
    }

    /// Where the conversation is in the container.
    #[must_use]
    pub fn state(&self) -> String {
        environment::state(self.agent())
    }

    /// Alias or fingerprint of the image.
    #[must_use]
    pub fn image(&self) -> &str {
        self.marks.image.as_deref().unwrap_or_default()
    }

    /// Whether the network is there with the container's first instruction, names included.
    #[must_use]
    pub fn has_instant_network(&self) -> bool {
        self.reaches_home && self.takes_resolv && self.network_facts().is_some()
    }

    /// The volume that holds the conversation, where the daemon cannot reach the caller's home.
    #[must_use]
    pub fn state_volume(&self) -> Option<StateVolume> {
        let (session, pool) = (self.marks.session?, self.pool.as_deref()?);
        (!self.reaches_home).then(|| StateVolume::of(session, pool))
    }

    /// Whether the container has the session's sockets.
    #[must_use]
    pub fn has_sockets(&self) -> bool {
        self.disks.iter().any(|disk| disk.device == SOCKETS)
    }

    /// Whether its programs are to trust the authority of its user, whose certificate is beside its sockets.
    #[must_use]
    pub fn trusts_its_user(&self) -> bool {
        self.roots == Roots::AndOfUser && self.has_sockets()
    }

    /// What of the caller's home may be mounted without being asked for.
    pub fn mounted_of_home(&self) -> impl Iterator<Item = &str> {
        let own = self.disks.iter().filter(|disk| self.reaches_home && is_of_home(&disk.device));
        own.map(|disk| disk.source.as_str())
    }

    /// Shell lines that make what the container has of git for itself, before a command.
    #[must_use]
    pub fn git_lines(&self) -> &str {
        if self.reaches_home { &self.git_lines } else { "" }
    }

    /// The user's own paths that the container is pinned to: the workspace and the mounts. Git itself replaces its files.
    #[must_use]
    pub fn pinned(&self) -> Vec<Pinned> {
        let theirs = self.disks.iter().filter(|disk| !is_of_home(&disk.device) && !git_device::is_of_git(&disk.device));
        let pinned =
            |disk: &HostDisk| Pinned { source: disk.source.as_str().to_owned(), identity: disk.source.identity() };
        theirs.map(pinned).collect()
    }

    /// The network's own address and size, where they are known.
    #[must_use]
    pub fn subnet(&self) -> Option<Subnet> {
        self.network_facts().map(|network| network.subnet)
    }

    /// The policy of its network; mode `open` has none.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// The name of the network.
    #[must_use]
    pub fn bridge(&self) -> Option<&str> {
        self.nic.as_ref()?.config.network.as_deref()
    }

    fn network_facts(&self) -> Option<&Network> {
        self.nic.as_ref()?.network.as_ref()
    }
}

/// What `[tool]` and `[defaults] model` say of the agent.
fn tool(settings: &Settings) -> Tool {
    let named = &settings.tool;
    Tool {
        name: named.name.clone(),
        binary: named.binary.clone().unwrap_or_else(|| named.name.clone()),
        args: named.args.clone(),
        model: settings.defaults.model.clone(),
    }
}

#[cfg(test)]
mod tests;
