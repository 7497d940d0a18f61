//! The managed bridges of a policy: the one for containers, and the one whose name server knows what to answer.

use cci_core::address::Subnet;
use cci_core::network::{self as core, Block, PolicyName, free_subnet};
use cci_core::{Error, Result};
use cci_incus::{Client, Config, EventBody, EventKind, Network, NetworkStatus, NewNetwork, Refusal};

use super::acl::MANAGED;
use super::tries::Tries;
use crate::incus_error::DuringStep;
use crate::site::Site;

const STEP: &str = "create the network";
/// The key with the lines for a network's name server.
const DNS: &str = "raw.dnsmasq";
/// How often a change is tried: with another subnet if the first is in use, or again if Incus fails for a moment.
const TRIES: u32 = 6;
/// How long another launch may take to create the same network.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// A subnet as Incus writes it.
fn address(subnet: Subnet) -> String {
    format!("{}/{}", subnet.gateway, subnet.prefix)
}

/// A network's own subnet.
pub(super) fn subnet(network: &Network) -> Option<Subnet> {
    network.config.get("ipv4.address").and_then(|address| Subnet::parse(address))
}

fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What must be set on the containers' bridge for its policy to be in force.
fn guarded(name: &PolicyName) -> Config {
    config(&[
        ("ipv6.address", "none"),
        ("security.acls", name.bridge()),
        ("security.acls.default.egress.action", "reject"),
        ("security.acls.default.ingress.action", "allow"),
        // otherwise Incus registers containers' names with its name server
        ("dns.mode", "none"),
    ])
}

/// Whether the policy is still bound to its bridge; else what was changed.
pub(super) fn check(network: &Network, name: &PolicyName) -> Result<()> {
    let guarded = guarded(name);
    let changed = guarded.iter().find(|(key, value)| network.config.get(*key) != Some(*value));
    let silent = network.config.get(DNS).is_some_and(|lines| lines.starts_with(&core::front()));
    match changed.map(|(key, _)| key.as_str()).or_else(|| (!silent).then_some(DNS)) {
        None => Ok(()),
        Some(key) => Err(Error::HostUnfit {
            problem: format!("network {name} was changed: {key} is not what cci set, so its policy is not in force"),
            hint: Some(format!("stop its containers, then run `incus network delete {name}`; cci creates it again")),
        }),
    }
}

/// Creates the containers' bridge; `behind` is where its name server forwards to, if anywhere.
pub(super) async fn make(client: &Client, site: Site, name: &PolicyName, behind: Option<Subnet>) -> Result<Network> {
    let mut base = guarded(name);
    base.extend(config(&[(MANAGED, "true"), ("ipv4.nat", "true")]));
    base.insert(DNS.into(), behind.map_or_else(core::nothing, |behind| core::asking(behind.gateway)));
    create(client, site, name.bridge(), name.number(), base).await
}

/// Creates the bridge whose name server gives these answers.
pub(super) async fn make_names(client: &Client, site: Site, name: &PolicyName, answers: &str) -> Result<Network> {
    let mut base =
        config(&[(MANAGED, "true"), ("ipv4.dhcp", "false"), ("ipv4.nat", "false"), ("ipv6.address", "none")]);
    base.insert(DNS.into(), answers.to_owned());
    create(client, site, &name.names_bridge(), name.number().wrapping_add(1), base).await
}

/// Replaces the answers of the name server, if they differ.
///
/// Meanwhile Incus examines every interface of the host, and fails if one of them disappears: then it is asked again.
pub(super) async fn keep_names(client: &Client, name: &PolicyName, answers: &str) -> Result<()> {
    let (step, bridge) = ("change the names of the network", name.names_bridge());
    let mut tries = Tries::up_to(TRIES);
    loop {
        let (there, _) = match client.network(&bridge).await {
            // the policy is just being created or removed, with its own names
            Err(error) if error.is_not_found() => return Ok(()),
            there => there.during(step)?,
        };
        if there.config.get(DNS).is_some_and(|now| now == answers) {
            return Ok(());
        }
        let Err(error) = client.patch_network(&bridge, &config(&[(DNS, answers)]), None).await else { return Ok(()) };
        if !tries.after(&error.refusal()).again(step, &error).await {
            return Err(error).during(step);
        }
    }
}

/// Creates a bridge in a free subnet; one that another launch created first is used as it is.
async fn create(client: &Client, site: Site, name: &str, seed: u32, base: Config) -> Result<Network> {
    let mut tries = Tries::up_to(TRIES);
    let mut attempt: u32 = 0;
    loop {
        // a network that was just removed gets its old subnet again, in which launches have chosen addresses
        let mut used = site.routes_beside(name);
        let networks = client.networks().await.during(STEP)?;
        let others = networks.iter().filter(|network| network.name != name);
        used.extend(others.filter_map(subnet).map(|subnet| Block::around(subnet.gateway, subnet.prefix)));
        let there = networks.into_iter().find(|network| network.name == name && network.managed);
        if let Some(there) = there
            && let Some(made) = when_created(client, there).await?
        {
            return Ok(made);
        }
        let free = free_subnet(seed.wrapping_add(attempt.wrapping_mul(97)), &used);
        let free = free.ok_or_else(|| Error::HostUnfit {
            problem: "no private subnet is free for a network of containers".into(),
            hint: Some("look at `ip route`: a route to all of 10.0.0.0/8 leaves no room".into()),
        })?;
        let mut config = base.clone();
        config.insert("ipv4.address".into(), address(free));
        // whoever was quicker created the same; a subnet that was taken meanwhile is not tried again
        let refused = client.create_network(&NewNetwork::bridge(name, config)).await.err();
        match client.network(name).await {
            Ok((there, _)) if there.managed => {
                if let Some(made) = when_created(client, there).await? {
                    return Ok(made);
                }
            }
            Err(error) if !error.is_not_found() => return Err(error).during(STEP),
            _ => {}
        }
        let why = refused.as_ref().map(cci_incus::Error::refusal).unwrap_or_default();
        if !tries.after(&why).again(STEP, &format!("{name} does not exist")).await {
            return match refused {
                Some(error) => Err(error).during(STEP),
                None => Err(Error::Internal(format!("network {name} disappeared while it was created"))),
            };
        }
        attempt += 1;
    }
}

/// Waits until Incus has completed a network that exists by name; `None` if that fails and it is removed.
pub(super) async fn when_created(client: &Client, found: Network) -> Result<Option<Network>> {
    if found.status == NetworkStatus::Created {
        return Ok(Some(found));
    }
    let wait = async {
        let mut events = client.events(&[EventKind::Lifecycle], true).await.during(STEP)?;
        loop {
            let now = match client.network(&found.name).await {
                Ok((now, _)) => now,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error).during(STEP),
            };
            match now.status {
                NetworkStatus::Created => return Ok(Some(now)),
                state @ (NetworkStatus::Errored | NetworkStatus::Unavailable) => {
                    return Err(Error::IncusRefused {
                        step: STEP.into(),
                        refusal: Refusal::Other,
                        message: format!("network {} is {}", now.name, format!("{state:?}").to_lowercase()),
                    });
                }
                _ => next_change(&mut events).await?,
            }
        }
    };
    let late = |_| Error::TimedOut { step: STEP.into(), seconds: LIMIT.as_secs(), still_running: true };
    tokio::time::timeout(LIMIT, wait).await.map_err(late)?
}

async fn next_change(events: &mut cci_incus::Events) -> Result<()> {
    while let Some(event) = events.next().await {
        if let EventBody::Lifecycle(lifecycle) = event.during(STEP)?.body
            && lifecycle.action.starts_with("network-")
        {
            return Ok(());
        }
    }
    let message = "the event stream ended".into();
    Err(Error::IncusRefused { step: STEP.into(), refusal: Refusal::Other, message })
}
