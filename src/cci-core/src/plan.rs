//! The one launch plan: what is asked, what is set and what the host is, turned into the instance to create and the
//! way to start the agent in it. Every verb that launches executes the same plan and differs in its last exec only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use cci_agent::{Agent, Start, Tool};
use cci_guest::layout;
use cci_incus_types::{Device, Devices, Disk, device};

use crate::address::{Fixed, Subnet};
use crate::environment::{self, HostLocale};
use crate::error::{Error, Result};
use crate::host_disk::{self, HostDisk, HostPath};
use crate::idmap::{self, Idmap, IdmapFacts};
use crate::lifetime::Lifetime;
use crate::mark::{Kind, Marks};
use crate::mount::Mount;
use crate::name::{ContainerName, Prefix};
use crate::network::{self, Mode, Policy};
use crate::session::SessionId;
use crate::settings::{NetworkSettings, Settings};
use crate::slot::Slot;
use crate::stop_hook::StopHook;
use crate::workspace::Workspace;

/// The device that holds the conversation.
const SESSION: &str = "session";
/// The device that names the name server.
const RESOLV: &str = "resolv";

/// What this launch was asked for, beyond the settings.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What container names begin with.
    pub prefix: Prefix,
    /// The project directory.
    pub workspace: Workspace,
    /// The host user who asks, and owns the container.
    pub owner_uid: u32,
    /// A random text that tells this launch from every other.
    pub launch: String,
    /// The conversation and its state directory on the host; a single command has none.
    pub session: Option<(SessionId, HostPath)>,
    /// Environment of the command line.
    pub environment: BTreeMap<String, String>,
}

/// What the host is, as far as it decides the plan.
#[derive(Debug, Clone)]
pub struct HostFacts {
    /// What decides the id mapping.
    pub idmap: IdmapFacts,
    /// Terminal and time zone of the caller.
    pub locale: HostLocale,
    /// The NIC that the container gets: the network policy's, or in mode `open` the default profile's first.
    pub nic: Option<Nic>,
    /// NICs that the default profile has beside it, which would be a way round a policy.
    pub other_nics: Vec<String>,
    /// The host's `nft`, if it has one that Incus can run.
    pub nft: Option<PathBuf>,
    /// The default profile's root disk.
    pub root: Option<Disk>,
    /// The workspace, judged; a container that belongs to none has none.
    pub workspace: Option<HostPath>,
    /// Incus's own stop hook, where lxcfs's half second can be taken away.
    pub stop_hook: Option<StopHook>,
    /// What is mounted beside the workspace: it exists and may be mounted.
    pub mounts: Vec<Mount>,
}

/// A network interface as the default profile has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The device's name in the profile.
    pub device: String,
    /// Its configuration.
    pub config: device::Nic,
    /// What is known of its network; `None` where addresses come from elsewhere.
    pub network: Option<Network>,
}

impl Nic {
    /// A NIC on a policy's bridge, which lets neither another address nor another sender out of the container.
    #[must_use]
    pub fn guarded(device: &str, bridge: &str, network: Option<Network>) -> Self {
        let config = device::Nic { mac_filtering: true, ipv4_filtering: true, ..device::Nic::on(bridge, "eth0") };
        Self { device: device.to_owned(), config, network }
    }
}

/// A managed network, as far as it decides a container's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its own address and size.
    pub subnet: Subnet,
    /// Addresses that others have, by the name of who has them.
    pub taken: Vec<(String, Ipv4Addr)>,
    /// The file on the host that names the bridge as the name server.
    pub resolv: HostPath,
}

/// The request that makes a container, in cci's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    /// The instance's name.
    pub name: String,
    /// Alias or fingerprint of its image.
    pub image: String,
    /// Configuration keys.
    pub config: BTreeMap<String, String>,
    /// Devices by name.
    pub devices: Devices,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
}

/// A storage volume of Incus that holds a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateVolume {
    /// The storage pool.
    pub pool: String,
    /// Its name there.
    pub name: String,
}

impl StateVolume {
    /// The volume of a conversation.
    #[must_use]
    pub fn of(session: SessionId, pool: &str) -> Self {
        Self { pool: pool.to_owned(), name: format!("cci-session-{session}") }
    }
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
    /// The agent.
    pub tool: Tool,
    /// Who runs in it.
    pub user: GuestUser,
    /// What the agent and commands find in their environment.
    pub environment: BTreeMap<String, String>,
    /// Things the person should know before it starts.
    pub warnings: Vec<String>,
    /// Whether the daemon reaches the caller's home: what is kept there is mounted then.
    reaches_home: bool,
    /// Whether the image leaves it to the host to name the name server.
    takes_resolv: bool,
    /// The storage pool of the root disk, where it is known.
    pool: Option<String>,
    prefix: Prefix,
    marks: Marks,
    nic: Option<Nic>,
    policy: Option<Policy>,
    nft: Option<PathBuf>,
    stop_hook: Option<StopHook>,
    config: BTreeMap<String, String>,
    /// What of the host is mounted.
    disks: Vec<HostDisk>,
    /// The other devices.
    devices: Devices,
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
        };
        Ok(Self {
            workspace: ask.workspace.clone(),
            lifetime,
            network: settings.network.mode,
            tool,
            user: GuestUser { uid: settings.incus.agent_uid, gid: settings.incus.agent_uid },
            environment: environment::environment(
                settings.tool.agent(),
                &host.locale,
                &settings.environment(),
                &ask.environment,
            ),
            warnings: warnings(settings, host, &map),
            reaches_home: true,
            takes_resolv: false,
            pool: pool(settings, host),
            prefix: ask.prefix.clone(),
            nic: host.nic.clone(),
            policy: Policy::new(&settings.network)?,
            nft: host.nft.clone(),
            stop_hook: host.stop_hook.clone().filter(|_| !lifetime.is_persistent()),
            config: config(settings, &map),
            disks: disks(ask, host, &map, &environment::state(settings.tool.agent())),
            devices: devices(settings, host),
            marks,
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

    /// The same launch from this image: one whose `/etc/resolv.conf` is a plain file can have another mounted on it.
    #[must_use]
    pub fn from_image(&self, image: &str, takes_resolv: bool) -> Self {
        let marks = Marks { image: Some(image.to_owned()), ..self.marks.clone() };
        Self { takes_resolv, marks, ..self.clone() }
    }

    /// The same plan for a container in the place of one that this launch has made and taken back.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { attempt: self.attempt + 1, ..self.clone() }
    }

    /// The same launch with an address from another place in the network; `None` where it has none to choose.
    ///
    /// Two launches that look at the same moment can choose one address; the launch's own random text parts them.
    #[must_use]
    pub fn elsewhere(&self) -> Option<Self> {
        self.network_facts()?;
        let random = self.marks.launch.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok())?;
        Some(Self { detour: self.detour.wrapping_add(random | 1), ..self.clone() })
    }

    /// The same launch where the daemon cannot reach the caller's home: the conversation in a storage volume, and the
    /// name server as the network's lease tells it. The pool is that of the root disk if none is given; `None` where
    /// that is so already, or no pool is known.
    #[must_use]
    pub fn beyond_home(&self, pool: Option<&str>) -> Option<Self> {
        let pool = pool.or(self.pool.as_deref()).filter(|_| self.reaches_home)?;
        let mut plan = Self { reaches_home: false, pool: Some(pool.to_owned()), ..self.clone() };
        if let Some(session) = self.marks.session {
            let StateVolume { pool, name } = StateVolume::of(session, pool);
            let state = self.state();
            plan.disks.retain(|disk| disk.device != SESSION);
            plan.devices.insert(SESSION.into(), Disk::of_volume(&pool, &name, &state).into());
        }
        Some(plan)
    }

    /// The volume that holds the conversation, where the daemon cannot reach the caller's home.
    #[must_use]
    pub fn state_volume(&self) -> Option<StateVolume> {
        let (session, pool) = (self.marks.session?, self.pool.as_deref()?);
        (!self.reaches_home).then(|| StateVolume::of(session, pool))
    }

    /// What of the caller's home may be mounted without being asked for.
    pub fn mounted_of_home(&self) -> impl Iterator<Item = &str> {
        let own = self.disks.iter().filter(|disk| self.reaches_home && [SESSION, RESOLV].contains(&&*disk.device));
        own.map(|disk| disk.source.as_str())
    }

    /// The same launch on the network as it is now: one that was removed and made again can lie elsewhere.
    #[must_use]
    pub fn on(&self, nic: Option<Nic>) -> Self {
        let mut plan = Self { nic, ..self.clone() };
        let resolv = plan.network_facts().map(|network| network.resolv.clone());
        let names = plan.disks.iter_mut().find(|disk| disk.device == RESOLV);
        if let (Some(names), Some(resolv)) = (names, resolv) {
            names.source = resolv;
        }
        plan
    }

    /// The network's own address and size, where they are known.
    #[must_use]
    pub fn subnet(&self) -> Option<Subnet> {
        self.network_facts().map(|network| network.subnet)
    }

    /// The name of the network.
    #[must_use]
    pub fn bridge(&self) -> Option<&str> {
        self.nic.as_ref()?.config.network.as_deref()
    }

    fn network_facts(&self) -> Option<&Network> {
        self.nic.as_ref()?.network.as_ref()
    }

    /// The fixed address of a slot, where the network is one that can give it.
    fn fixed(&self, slot: Slot) -> Option<Fixed> {
        let network = self.network_facts()?;
        let (name, siblings) = (self.name(slot).to_string(), Slot::all().map(|slot| self.name(slot).to_string()));
        let siblings: BTreeSet<String> = siblings.collect();
        let others = network.taken.iter().filter(|(other, _)| *other != name);
        let (own, foreign): (Vec<_>, Vec<_>) = others.partition(|(other, _)| siblings.contains(other));
        let addresses = |of: Vec<&(String, Ipv4Addr)>| of.into_iter().map(|(_, address)| *address).collect();
        let (own, foreign) = (addresses(own), addresses(foreign));
        let address = network.subnet.address(self.workspace.hash(), slot, self.detour, &foreign, &own)?;
        Some(Fixed { address, subnet: network.subnet })
    }

    /// The second layer under the network's policy, where there is one and the host can have it.
    fn guard(&self, gateway: Ipv4Addr) -> String {
        match (&self.policy, &self.nft) {
            (Some(policy), Some(nft)) => {
                network::hooks(policy, gateway, nft, &format!("{}n{}", self.launch(), self.attempt))
            }
            _ => String::new(),
        }
    }

    /// Whether the container of a slot reaches nothing that the policy refuses from its first instruction on, whatever
    /// Incus has of its rules: the second layer comes with the start, and knows all that is refused but not what alone is
    /// allowed.
    #[must_use]
    pub fn is_guarded(&self, slot: Slot) -> bool {
        self.network == Mode::Restricted && self.fixed(slot).is_some_and(|at| !self.guard(at.subnet.gateway).is_empty())
    }

    /// The whole create request for a slot.
    #[must_use]
    pub fn instance(&self, slot: Slot) -> InstanceSpec {
        let marks = Marks { slot: Some(slot), ..self.marks.clone() };
        let spec = self.request(slot, self.name(slot).to_string(), &marks);
        InstanceSpec { ephemeral: !self.lifetime.is_persistent(), ..spec }
    }

    /// The request with the address of a slot and these marks.
    fn request(&self, slot: Slot, name: String, marks: &Marks) -> InstanceSpec {
        let (mut config, mut devices) = (self.config.clone(), self.devices.clone());
        config.extend(marks.to_config());
        let names_itself = !self.has_instant_network();
        let disks = self.disks.iter().filter(|disk| !(names_itself && disk.device == RESOLV));
        let (mounted, pins) = host_disk::render(disks);
        devices.extend(mounted);
        // it clears the hooks of its kind, so the others come behind it
        let mut raw_lxc = self.stop_hook.as_ref().map(|hook| hook.raw_lxc(&name)).unwrap_or_default() + &pins;
        if let (Some(fixed), Some(nic)) = (self.fixed(slot), &self.nic) {
            raw_lxc += &fixed.raw_lxc();
            raw_lxc += &self.guard(fixed.subnet.gateway);
            if let Some(Device::Nic(nic)) = devices.get_mut(&nic.device) {
                nic.ipv4_address = Some(fixed.address);
            }
        }
        if !raw_lxc.is_empty() {
            config.insert("raw.lxc".into(), raw_lxc);
        }
        InstanceSpec { name, image: self.image().to_owned(), config, devices, ephemeral: true }
    }

    /// The create request for a container that belongs to no workspace and no conversation, and otherwise gets the same.
    #[must_use]
    pub fn plain(&self, name: &str, ephemeral: bool) -> InstanceSpec {
        let marks = Marks {
            kind: Kind::Plain,
            workspace: None,
            session: None,
            tool: None,
            lifetime: Lifetime::Ephemeral,
            ..self.marks.clone()
        };
        // one that stays can get another name, which its own stop hook would not know
        let mut plan = Self { stop_hook: self.stop_hook.clone().filter(|_| ephemeral), ..self.clone() };
        plan.disks.retain(|disk| disk.device == RESOLV);
        let spec = plan.request(Slot::FIRST, name.to_owned(), &marks);
        InstanceSpec { ephemeral, ..spec }
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

/// Configuration that every container of cci gets, `container launch` included.
#[must_use]
pub fn base_config(settings: &Settings) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    let mut set = |key: &str, value: &str| config.insert(key.to_owned(), value.to_owned());
    set("security.guestapi", "false");
    set("security.privileged", "false");
    if settings.defaults.docker {
        set("security.nesting", "true");
        set("security.syscalls.intercept.mknod", "true");
        set("security.syscalls.intercept.setxattr", "true");
    }
    let limits = &settings.limits;
    for (key, limit) in
        [("limits.cpu", &limits.cpu), ("limits.memory", &limits.memory), ("limits.processes", &limits.processes)]
    {
        if let Some(limit) = limit {
            set(key, limit);
        }
    }
    config
}

fn config(settings: &Settings, map: &Idmap) -> BTreeMap<String, String> {
    let mut config = base_config(settings);
    match map {
        Idmap::Raw(lines) => {
            config.insert("raw.idmap".into(), lines.clone());
            config.insert("security.idmap.isolated".into(), "true".into());
        }
        Idmap::Shift => {
            config.insert("security.idmap.isolated".into(), "true".into());
        }
        Idmap::Plain => {}
    }
    config
}

/// What of the host the container sees: the workspace, the conversation, the mounts, and who names its name server.
fn disks(ask: &Ask, host: &HostFacts, map: &Idmap, state: &str) -> Vec<HostDisk> {
    let disk = |device: &str, source: &HostPath, path: &str| HostDisk::new(device, source.clone(), path, map);
    let workspace = host.workspace.iter().map(|source| disk("workspace", source, layout::WORKSPACE));
    let session = ask.session.iter().map(|(_, source)| disk(SESSION, source, state));
    let mounts = host.mounts.iter();
    let mounts = mounts.map(|mount| disk(&mount.device, &mount.source, &mount.container).readonly(mount.readonly));
    let network = host.nic.as_ref().and_then(|nic| nic.network.as_ref());
    let resolv = network.map(|network| disk(RESOLV, &network.resolv, layout::RESOLV).readonly(true));
    workspace.chain(session).chain(mounts).chain(resolv).collect()
}

fn devices(settings: &Settings, host: &HostFacts) -> Devices {
    let mut devices = Devices::new();
    if let Some(nic) = &host.nic {
        devices.insert(nic.device.clone(), isolated(nic).into());
    }
    if settings.network.mode != Mode::Open {
        devices.extend(host.other_nics.iter().map(|name| (name.clone(), Device::none())));
    }
    if let Some(root) = root_disk(settings, host) {
        devices.insert("root".to_owned(), root.into());
    }
    devices
}

/// The profile's NIC, closed to the containers beside it (only a managed bridge knows how).
fn isolated(nic: &Nic) -> device::Nic {
    let config = nic.config.clone();
    device::Nic { port_isolation: config.port_isolation || config.network.is_some(), ..config }
}

/// The pool of the root disk.
fn pool(settings: &Settings, host: &HostFacts) -> Option<String> {
    let of_profile = || host.root.as_ref()?.pool.clone();
    settings.incus.storage_pool.clone().or_else(of_profile)
}

/// A root disk of its own where the profile's will not do.
fn root_disk(settings: &Settings, host: &HostFacts) -> Option<Disk> {
    let (pool, size) = (&settings.incus.storage_pool, &settings.limits.disk);
    if pool.is_none() && size.is_none() {
        return None;
    }
    let of_profile = host.root.clone().unwrap_or_default();
    Some(Disk {
        path: Some("/".to_owned()),
        pool: pool.clone().or(of_profile.pool),
        size: size.clone().or(of_profile.size),
        ..of_profile
    })
}

fn warnings(settings: &Settings, host: &HostFacts, map: &Idmap) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.network.mode == Mode::Open {
        warnings.push("network mode open: the container reaches everything this host's Incus network reaches".into());
    }
    if settings.network.mode == Mode::Allowlist {
        warnings.extend(disobeyed(&settings.network).map(|key| {
            format!("network.{key} has no effect in mode allowlist: what is not listed stays out of reach, and so does what is private")
        }));
    }
    if *map == Idmap::Shift {
        warnings.push("idmap shift: root in the container is host root on the workspace".into());
    }
    if host.idmap.agent.uid == 0 {
        warnings.push("the workspace belongs to root: the agent works on its files as host root".into());
    }
    warnings
}

/// The keys that would open more than an allowlist ever does.
fn disobeyed(network: &NetworkSettings) -> impl Iterator<Item = &'static str> {
    let opened = [
        ("block_private_networks", !network.block_private_networks),
        ("block_metadata_endpoint", !network.block_metadata_endpoint),
        ("allow_local_network_access", network.allow_local_network_access),
    ];
    opened.into_iter().filter(|(_, opened)| *opened).map(|(key, _)| key)
}

#[cfg(test)]
mod tests;
