//! The NIC of a container: on its policy's network, in mode `open` the default profile's, and none in mode `none`.

use cci_core::Result;
use cci_core::address::Subnet;
use cci_core::host_disk::HostPath;
use cci_core::network::Mode;
use cci_core::plan::{Network, Nic};
use cci_incus::device::nics;
use cci_incus::{Instance, NetworkLease, Profile};

use super::ensure;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::network::Ensured;

/// The profile whose network and root disk a launch uses.
pub const PROFILE: &str = "default";

/// The NIC as a launch finds it now; the network of a policy is created if missing, and verified.
pub(super) async fn now(cx: &Context) -> Result<Option<Nic>> {
    let policy = cx.policy()?;
    let (profile, instances, ensured) =
        tokio::join!(cx.client.profile(PROFILE), cx.client.instances(), ensure::network(cx, policy));
    let (profile, _) = profile.during("read the default profile")?;
    let instances = instances.during("list the containers")?;
    let (ensured, policy_check) = ensured?;
    policy_check.verify(cx).await?;
    found(cx, ensured.as_ref(), &profile, &instances).await
}

/// The NIC on a policy's network, or the profile's if there is none.
pub(super) async fn found(
    cx: &Context,
    ensured: Option<&Ensured>,
    profile: &Profile,
    instances: &[Instance],
) -> Result<Option<Nic>> {
    match ensured {
        Some(policy) => {
            let resolv = ensure::resolv_file(cx, policy.subnet)?;
            Ok(Some(of_policy(policy, profile, instances, resolv)))
        }
        None if cx.settings.network.mode == Mode::None => Ok(None),
        None => of_profile(cx, profile, instances).await,
    }
}

/// A NIC on a policy's bridge, replacing the profile's.
///
/// Existing containers have fixed addresses, which the instances show; a clash with another project fails the create,
/// which then takes another address. So the leases, ten milliseconds of the daemon's time, are not requested.
fn of_policy(policy: &Ensured, profile: &Profile, instances: &[Instance], resolv: HostPath) -> Nic {
    let name = profile.nics().next().map_or("eth0", |(name, _)| name);
    let network = known(policy.subnet, Vec::new(), instances, resolv);
    Nic::guarded(name, &policy.bridge, Some(network))
}

/// The profile's own NIC, with what is known of its network if Incus manages it.
async fn of_profile(cx: &Context, profile: &Profile, instances: &[Instance]) -> Result<Option<Nic>> {
    let Some((device, config)) = profile.nics().next() else { return Ok(None) };
    let (device, config) = (device.to_owned(), config.clone());
    let Some(name) = config.network.clone() else { return Ok(Some(Nic { device, config, network: None })) };
    let (found, leases) = tokio::join!(cx.client.network(&name), cx.client.network_leases(&name));
    let address = found.ok().and_then(|(found, _)| Subnet::parse(found.config.get("ipv4.address")?));
    // a network that assigns addresses in its own way is left to do so
    let network = match (address, leases) {
        (Some(subnet), Ok(leases)) => Some(known(subnet, leases, instances, ensure::resolv_file(cx, subnet)?)),
        _ => None,
    };
    Ok(Some(Nic { device, config, network }))
}

/// A network with the addresses in use on it.
fn known(subnet: Subnet, leases: Vec<NetworkLease>, instances: &[Instance], resolv: HostPath) -> Network {
    let given = leases.into_iter().filter_map(|lease| Some((lease.hostname, lease.address.parse().ok()?)));
    let fixed = instances.iter().flat_map(|instance| {
        let addresses = nics(&instance.devices).filter_map(|(_, nic)| nic.ipv4_address);
        addresses.map(|address| (instance.name.clone(), address))
    });
    Network { subnet, taken: given.chain(fixed).collect(), resolv }
}
