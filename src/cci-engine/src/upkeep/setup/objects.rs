//! What setup creates inside Incus, by its API: pool, bridge, the default profile's devices.

use cci_core::Result;
use cci_incus::{Disk, NewNetwork, NewStoragePool, Nic, ProfilePut};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::network::Tries;

/// How often to try creating a bridge.
const TRIES: u32 = 4;

/// Creates the pool `default`.
pub(super) async fn pool(cx: &Context, driver: &str, gib: Option<u64>) -> Result<()> {
    let config = gib.map(|gib| ("size".to_owned(), format!("{gib}GiB"))).into_iter().collect();
    let new =
        NewStoragePool { name: "default".to_owned(), driver: driver.to_owned(), config, ..NewStoragePool::default() };
    cx.client.create_storage_pool(&new).await.during("create the storage pool")
}

/// Creates a bridge with a given subnet: if Incus searched for one itself, it would send packets to strangers.
pub(super) async fn bridge(cx: &Context, name: &str, address: &str) -> Result<()> {
    let config = [("ipv4.address", address), ("ipv4.nat", "true"), ("ipv6.address", "none")];
    let config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let new = NewNetwork::bridge(name, config);
    let step = "create the bridge";
    let mut tries = Tries::up_to(TRIES);
    loop {
        let made = cx.client.create_network(&new).await;
        // meanwhile Incus examines every interface of the host, and fails if one disappears; a name that another setup
        // has taken meanwhile is refused with another code, and its network stays
        let Err(error @ cci_incus::Error::Refused { code: 500, .. }) = &made else { return made.during(step) };
        if !tries.after(&error.refusal()).again(step, error).await {
            return made.during(step);
        }
        // its remains would be in the way
        let _ = cx.client.delete_network(name).await;
    }
}

/// Adds the devices that the default profile lacks.
pub(super) async fn profile(cx: &Context, pool: Option<&str>, network: Option<&str>) -> Result<()> {
    let (profile, etag) = cx.client.profile("default").await.during("read the default profile")?;
    let mut put = ProfilePut { config: profile.config, description: profile.description, devices: profile.devices };
    if let Some(pool) = pool {
        put.devices.insert("root".to_owned(), Disk::root(pool).into());
    }
    if let Some(network) = network {
        put.devices.insert("eth0".to_owned(), Nic::on(network, "eth0").into());
    }
    cx.client.put_profile("default", &put, Some(&etag)).await.during("complete the default profile")
}
