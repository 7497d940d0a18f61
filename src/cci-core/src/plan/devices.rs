//! The devices of a launch: what it sees of the host, its NIC, its root disk.

use cci_guest::{agent_socket, layout};
use cci_incus_types::{Device, Devices, Disk, device};

use super::facts::{Ask, HostFacts, Nic};
use crate::host_disk::{HostDisk, HostPath};
use crate::idmap::Idmap;
use crate::network::Mode;
use crate::settings::Settings;

/// The device with the conversation.
pub(super) const SESSION: &str = "session";
/// The device with the sockets by which the agent reaches its user's supervisor.
pub const SOCKETS: &str = "cci";
/// The device with the hosts that the caller's SSH knows.
pub const KNOWN_HOSTS: &str = "known-hosts";
/// The device that shows the workspace at its path on the host, where the container works then.
pub const PLACE: &str = "place";
/// The device that names the name server.
pub(super) const RESOLV: &str = "resolv";

/// What the container sees of the host: the workspace, the conversation, the sockets, the mounts, and the file that
/// names its name server.
pub(super) fn disks(ask: &Ask, host: &HostFacts, map: &Idmap, state: &str) -> Vec<HostDisk> {
    let disk = |device: &str, source: &HostPath, path: &str| HostDisk::new(device, source.clone(), path, map);
    let workspace = host.workspace.iter().map(|source| disk("workspace", source, layout::WORKSPACE));
    let session = ask.session.iter().map(|(_, source)| disk(SESSION, source, state));
    // what shifts ids would give the container's root the rights of the host's root in it
    let sockets = ask.sockets.iter().filter(|_| *map != Idmap::Shift);
    let sockets = sockets.map(|source| disk(SOCKETS, source, agent_socket::DIRECTORY));
    let mounts = host.mounts.iter().chain(&host.git.mounts);
    let mounts = mounts.map(|mount| disk(&mount.device, &mount.source, &mount.container).readonly(mount.readonly));
    let network = host.nic.as_ref().and_then(|nic| nic.network.as_ref());
    let resolv = network.map(|network| disk(RESOLV, &network.resolv, layout::RESOLV).readonly(true));
    workspace.chain(session).chain(sockets).chain(mounts).chain(resolv).collect()
}

/// The other devices.
pub(super) fn devices(settings: &Settings, host: &HostFacts) -> Devices {
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

/// The profile's NIC, isolated from the containers next to it (only a managed bridge can do that).
fn isolated(nic: &Nic) -> device::Nic {
    let config = nic.config.clone();
    device::Nic { port_isolation: config.port_isolation || config.network.is_some(), ..config }
}

/// The pool of the root disk.
pub(super) fn pool(settings: &Settings, host: &HostFacts) -> Option<String> {
    let of_profile = || host.root.as_ref()?.pool.clone();
    settings.incus.storage_pool.clone().or_else(of_profile)
}

/// A root disk of its own where the profile's does not fit.
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
