//! Finds and removes the networks and ACLs of cci that nothing uses.

use cci_core::Result;
use cci_core::network::PolicyName;
use cci_incus::{Client, Network};

use super::acl::{MANAGED, maker_runs};
use super::project::networks;
use super::tries::Tries;
use crate::context::Context;
use crate::incus_error::DuringStep;

/// How often the removal of a network is tried.
const TRIES: u32 = 3;

/// A policy that no container uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The name of the network and of its ACL.
    pub name: PolicyName,
}

/// The policies of cci whose bridge nothing uses except the containers that are `going`; one that is still being
/// created is about to be used.
pub async fn unused(cx: &Context, going: &[&str]) -> Result<Vec<Unused>> {
    let client = networks(cx);
    let (networks, acls) = tokio::join!(client.networks(), client.acls());
    let (networks, acls) = (networks.during("list the networks")?, acls.during("list the network ACLs")?);
    let ours = |name: &str, config: &cci_incus::Config| {
        config.get(MANAGED).is_some_and(|value| value == "true").then(|| PolicyName::parse(name)).flatten()
    };
    let of_networks = networks.iter().filter_map(|network| ours(&network.name, &network.config));
    let of_acls = acls.iter().filter_map(|acl| ours(&acl.name, &acl.config));
    let mut names: Vec<PolicyName> = of_networks.chain(of_acls).collect();
    names.sort();
    names.dedup();
    let is_used = |name: &PolicyName| {
        networks.iter().any(|network| network.name == name.bridge() && in_use(network, going))
            || acls.iter().any(|acl| acl.name == name.bridge() && maker_runs(acl))
    };
    Ok(names.into_iter().filter(|name| !is_used(name)).map(|name| Unused { name }).collect())
}

/// Users are paths such as `/1.0/instances/NAME?project=P`.
fn in_use(network: &Network, going: &[&str]) -> bool {
    let user = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
    let goes = |path: &String| going.iter().any(|name| user(path) == format!("/1.0/instances/{name}"));
    !network.used_by.iter().all(goes)
}

/// Removes a policy from Incus: its bridge first, because Incus refuses that while a container uses it. A policy that
/// another launch has meanwhile begun to use is left alone.
pub async fn remove(cx: &Context, unused: &Unused) -> Result<()> {
    let client = networks(cx);
    // examined again: another launch may have begun to create it
    if client.acl(unused.name.bridge()).await.is_ok_and(|(acl, _)| maker_runs(&acl)) {
        return Ok(());
    }
    if !remove_network(&client, unused.name.bridge()).await? {
        return Ok(());
    }
    remove_network(&client, &unused.name.names_bridge()).await?;
    match client.delete_acl(unused.name.bridge()).await {
        Err(error) if !error.is_not_found() => Err(error).during("remove the network's rules"),
        _ => Ok(()),
    }
}

/// Whether it is removed. Tries again if the NIC of a container that just stopped disappears while Incus examines it.
async fn remove_network(client: &Client, name: &str) -> Result<bool> {
    let step = "remove the network";
    let mut tries = Tries::up_to(TRIES);
    loop {
        let error = match client.delete_network(name).await {
            Err(error) if !error.is_not_found() => error,
            _ => return Ok(true),
        };
        match client.network(name).await {
            Err(error) if error.is_not_found() => return Ok(true),
            Ok((there, _)) if !there.used_by.is_empty() => return Ok(false),
            _ if !tries.after(&error.refusal()).again(step, &error).await => return Err(error).during(step),
            _ => {}
        }
    }
}
