//! `network show`: what a container may reach, from what Incus has in force.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use cci_core::network::{Allowance, Entry, Policy};
use cci_core::{Error, Result};
use cci_incus::{Acl, AclAction, Nic};

use super::acl::{self, Known};
use super::beside;
use super::project::networks;
use super::ways::{self, Ways};
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::ownership;

/// One rule as it is in force.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ShownRule {
    pub action: &'static str,
    pub destination: String,
    pub protocol: String,
    pub ports: String,
    pub why: String,
}

/// What is in force for one container.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct Shown {
    /// The container that was asked about.
    pub container: String,
    /// The mode it was launched in.
    pub mode: String,
    /// The network that its interface is on.
    pub network: String,
    /// What Incus has in force, first match first.
    pub rules: Vec<ShownRule>,
    /// The entries by which connections are judged that name their host, on ports 80 and 443.
    pub by_name: Vec<String>,
    /// What it may reach beside these, by `network allow`, and until when.
    pub allowed: Vec<String>,
    /// The addresses that each allowed name has in the container, and in the rules for other ports.
    pub names: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// When the names were last looked up, in RFC 3339.
    pub refreshed: Option<String>,
    /// How connections go out beside these rules.
    #[serde(flatten)]
    pub ways: Ways,
}

/// Examines one container of the caller.
pub async fn show(cx: &Context, container: &str) -> Result<Shown> {
    let network = network_of(cx, container).await?;
    let Some(found) = in_force(cx, &network).await? else {
        return Ok(Shown {
            container: container.to_owned(),
            mode: "open".into(),
            network,
            rules: Vec::new(),
            by_name: Vec::new(),
            allowed: Vec::new(),
            names: BTreeMap::new(),
            refreshed: None,
            ways: Ways::default(),
        });
    };
    let (known, policy) = (Known::of(&found), acl::policy(&found));
    let by_name = policy.iter().flat_map(|policy| {
        policy
            .by_name()
            .map(Entry::to_string)
            .chain(policy.services_by_name().map(|service| service.entry().to_string()))
    });
    let by_name = by_name.collect();
    let services = policy
        .iter()
        .flat_map(Policy::services)
        .filter_map(|service| Some((service.name().to_string(), BTreeSet::from([service.address(known.gateway)?]))));
    let names = known.resolved.current.clone().into_iter().chain(services).collect();
    let allowed = beside::in_force(cx, container).await?;
    let ways = match &policy {
        Some(policy) => ways::of(cx, policy, container, &allowed).await?,
        None => Ways::default(),
    };
    let allowed = allowed.iter().map(Allowance::to_string).collect();
    Ok(Shown {
        container: container.to_owned(),
        mode: policy.map_or_else(|| "unknown".into(), |policy| policy.mode().to_string()),
        network,
        rules: rules(&found),
        by_name,
        allowed,
        names,
        refreshed: known.refreshed,
        ways,
    })
}

/// The network that a container's NIC is on.
pub(super) async fn network_of(cx: &Context, container: &str) -> Result<String> {
    let owned = ownership::one(cx, container).await?;
    let network = owned.instance.nics().find_map(Nic::network_or_parent);
    network
        .map(str::to_owned)
        .ok_or_else(|| Error::HostUnfit { problem: format!("container {container} has no network"), hint: None })
}

/// The ACL of cci that is in force on a network, if there is one.
pub(super) async fn in_force(cx: &Context, network: &str) -> Result<Option<Acl>> {
    match networks(cx).acl(network).await {
        Ok((found, _)) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).during("read the network's rules"),
    }
}

/// The rules in the order in which they decide, and the default rule.
fn rules(found: &Acl) -> Vec<ShownRule> {
    let mut rules: Vec<ShownRule> = found
        .egress
        .iter()
        .map(|rule| ShownRule {
            action: word(rule.action),
            destination: rule.destination.clone(),
            protocol: rule.protocol.clone(),
            ports: rule.destination_port.clone(),
            why: rule.description.clone(),
        })
        .collect();
    rules.sort_by_key(|rule| rule.action == word(AclAction::Allow));
    rules.push(ShownRule {
        action: word(AclAction::Reject),
        destination: "everything else".into(),
        protocol: String::new(),
        ports: String::new(),
        why: "not listed".into(),
    });
    rules
}

fn word(action: AclAction) -> &'static str {
    match action {
        AclAction::Allow | AclAction::AllowStateless => "allow",
        AclAction::Reject => "reject",
        AclAction::Drop => "drop",
    }
}
