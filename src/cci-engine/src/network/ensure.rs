//! Puts a policy into force: finds what a launch needs in Incus, or creates it.

use std::net::Ipv4Addr;
use std::time::Duration;

use cci_core::address::Subnet;
use cci_core::network::{Policy, Resolved};
use cci_core::{Error, Result};
use cci_incus::{Acl, Client, Etag, Network, NetworkStatus};

use super::acl::{self, Known};
use super::bridge;
use super::host_names;
use super::project::networks;
use super::{lookup, refresh};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::NetworkEvent;
use crate::incus_error::DuringStep;
use crate::retry::Retry;
use crate::site::Site;
use cci_host::store::network_cache;

/// How long to create a policy again that others remove at the same time.
const PATIENCE: Duration = Duration::from_secs(15);

/// A policy's bridge; from [`ensure`], the policy is in force on it.
#[derive(Debug, Clone)]
pub(crate) struct Ensured {
    /// The bridge's name.
    pub(crate) bridge: String,
    /// Its own address.
    pub(crate) subnet: Subnet,
    /// Whether its rules were missing or different from the policy's until now.
    pub(crate) changed: bool,
}

/// The policy's bridge as the host shows it, at no cost; whether it is in force only [`ensure`] can tell.
pub(crate) fn peek(site: Site, policy: &Policy) -> Option<Ensured> {
    let bridge = policy.name().bridge().to_owned();
    Some(Ensured { subnet: site.subnet_on(&bridge)?, bridge, changed: false })
}

/// Finds the policy's bridge and ACL, or creates them; several launches may do so at once.
#[tracing::instrument(name = "network", skip_all, fields(policy = %policy.name()))]
pub(crate) async fn ensure(cx: &Context, policy: &Policy) -> Result<Ensured> {
    let (client, name) = (networks(cx), policy.name());
    let (found, acl) = tokio::join!(client.network(name.bridge()), client.acl(name.bridge()));
    let (there, changed) = match (found, acl) {
        (Ok((found, _)), Ok((acl, etag))) => {
            // a bridge gets its rules last
            let gateway = gateway(policy, &found);
            let changed = keep(cx, policy, (&acl, &etag), gateway).await? || found.status != NetworkStatus::Created;
            match bridge::when_created(&client, found).await? {
                Some(found) => (found, changed),
                None => (make(cx, &client, policy).await?, true),
            }
        }
        (Err(error), _) | (_, Err(error)) if !error.is_not_found() => return Err(error).during("look at the network"),
        _ => (make(cx, &client, policy).await?, true),
    };
    bridge::check(&there, &name)?;
    let subnet =
        bridge::subnet(&there).ok_or_else(|| Error::Internal(format!("network {name} has no IPv4 address")))?;
    Ok(Ensured { bridge: there.name, subnet, changed })
}

/// The bridge's own address, if the policy's rules are about it.
fn gateway(policy: &Policy, bridge: &Network) -> Option<Ipv4Addr> {
    bridge::subnet(bridge).map(|subnet| subnet.gateway).filter(|_| policy.has_gateway())
}

/// Creates the policy of the settings again if a `clean` removed its bridge as unused; whether it was removed.
pub(crate) async fn restored(cx: &Context) -> Result<bool> {
    let Some(policy) = cx.policy()? else { return Ok(false) };
    match networks(cx).network(policy.name().bridge()).await {
        Err(error) if error.is_not_found() => ensure(cx, &policy).await.map(|_| true),
        _ => Ok(false),
    }
}

/// Creates it, again if a `clean` removes its rules before a bridge uses them.
async fn make(cx: &Context, client: &Client, policy: &Policy) -> Result<Network> {
    cx.emit(NetworkEvent::MakingNetwork);
    let known = first_lookup(cx, policy).await?;
    let mut retry = Retry::within(PATIENCE);
    loop {
        let made = make_once(cx, client, policy, known.clone()).await;
        let Err(error) = &made else { return made };
        let undone = client.acl(policy.name().bridge()).await.is_err_and(|error| error.is_not_found());
        if !undone || !retry.again("create the network", error).await {
            return made;
        }
    }
}

/// The ACL first, then the names, then the bridge: nothing is reachable before its rules exist. Doors are let through last,
/// because only the bridge knows where they are.
async fn make_once(cx: &Context, client: &Client, policy: &Policy, known: Known) -> Result<Network> {
    let name = policy.name();
    let known = make_acl(cx, client, policy, known).await?;
    let behind = match known.answers(policy) {
        None => None,
        Some(answers) => {
            let names = bridge::make_names(client, cx.site(), &name, &answers).await?;
            let subnet = bridge::subnet(&names);
            Some(subnet.ok_or_else(|| Error::Internal(format!("network {} has no address", names.name)))?)
        }
    };
    let made = bridge::make(client, cx.site(), &name, behind).await?;
    if let Some(gateway) = gateway(policy, &made).filter(|gateway| known.gateway != Some(*gateway)) {
        refresh::let_to_gateway(cx, client, policy, gateway).await?;
    }
    for obstacle in cx.site().firewall().obstacles(name.bridge()) {
        cx.emit(NetworkEvent::Obstacle(obstacle));
    }
    Ok(made)
}

/// The names as the host knows them now, or as it last did.
async fn first_lookup(cx: &Context, policy: &Policy) -> Result<Known> {
    let names: Vec<String> = policy.names().map(str::to_owned).collect();
    let host = host_names::host_names(cx, policy).await?;
    if names.is_empty() {
        return Ok(Known { host, ..Known::default() });
    }
    let (dir, name) = (cx.cci_dir(), policy.name());
    let last: Resolved = blocking(move || Ok(network_cache::read(&dir, &name))).await?.unwrap_or_default();
    let resolved = last.refreshed(lookup::reachable(cx, &names, policy.resolver()).await);
    for name in names.iter().filter(|name| !policy.is_proxied() && resolved.addresses(name).next().is_none()) {
        cx.emit(NetworkEvent::NoPublicAddress { domain: name.clone() });
    }
    host_names::remember(cx, policy, &resolved).await?;
    Ok(Known { resolved, host, refreshed: Some(host_names::now()), ..Known::default() })
}

/// Creates the ACL, or takes the one that another launch created; its known names are what counts.
async fn make_acl(cx: &Context, client: &Client, policy: &Policy, known: Known) -> Result<Known> {
    let name = policy.name();
    let wanted = acl::being_made(acl::acl(policy, &known, &cx.site().own_addresses()));
    let Err(error) = client.create_acl(name.bridge(), &wanted).await else { return Ok(known) };
    match client.acl(name.bridge()).await {
        Ok((there, _)) if acl::is_of(&there, policy) => Ok(Known::of(&there)),
        Ok(_) => Err(foreign(policy)),
        Err(_) => Err(error).during("create the network's rules"),
    }
}

/// Brings the rules of an existing policy up to date: the host's addresses, the names that are due, and what somebody
/// else changed; whether there was more to do than names.
async fn keep(cx: &Context, policy: &Policy, (found, etag): (&Acl, &Etag), gateway: Option<Ipv4Addr>) -> Result<bool> {
    if !acl::is_of(found, policy) {
        return Err(foreign(policy));
    }
    Ok(refresh::bring_up_to_date(cx, policy, (found, etag), gateway, refresh::Due::ByAge).await?.were_others)
}

fn foreign(policy: &Policy) -> Error {
    let name = policy.name();
    Error::HostUnfit {
        problem: format!("network ACL {name} is not the one that cci created for this policy"),
        hint: Some(format!("remove it with `incus network acl delete {name}`")),
    }
}
