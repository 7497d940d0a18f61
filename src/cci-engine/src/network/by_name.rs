//! What decides about a host where connections are judged by the name that they are for.

use std::net::{Ipv4Addr, SocketAddr};

use cci_core::network::{Addresses, Allowance, BY_NAME, Grant, HostName, Policy, Special, Unlisted};

use super::answer::Answer;
use super::lookup;
use crate::context::Context;

/// The answer for a host on these ports; `None` where its addresses decide, or where it is not known which port is meant.
///
/// `allowed` is what the container may reach beside its policy.
pub(super) async fn answer(
    cx: &Context,
    (policy, gateway): (&Policy, Option<Ipv4Addr>),
    allowed: &[Allowance],
    host: &str,
    port: Option<u16>,
) -> Option<Answer> {
    if !policy.is_named() || port.is_some_and(|port| !BY_NAME.contains(&port)) {
        return None;
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return of_address(policy, gateway, address, port?);
    }
    let name = HostName::typed(host).ok()?;
    let beside = allowed.iter().map(|allowance| &allowance.entry);
    let names = policy.judged(beside.cloned());
    let words = |rule: Grant<'_>| {
        let is_it = |allowance: &&Allowance| matches!(rule, Grant::Entry(entry) if *entry == allowance.entry);
        let is_listed = policy.by_name().any(|entry| matches!(rule, Grant::Entry(rule) if rule == entry));
        match allowed.iter().rfind(is_it).filter(|_| !is_listed) {
            Some(allowance) => format!("{allowance} (`cci network allow`)"),
            None => rule.to_string(),
        }
    };
    let answer = |allowed, because| Answer { host: host.to_owned(), address: String::new(), allowed, because };
    let ports: Vec<u16> = port.map_or_else(|| BY_NAME.to_vec(), |port| vec![port]);
    let granted: Vec<(u16, String)> =
        ports.iter().filter_map(|port| Some((*port, words(names.judge(&name, *port).ok()?)))).collect();
    let Some((_, rule)) = granted.first() else {
        let refused = port.and_then(|port| names.judge(&name, port).err()).map(|unlisted| match unlisted {
            Unlisted::Name => "refused: not in allowed_domains".to_owned(),
            Unlisted::Port(entry) => format!("refused: {entry} is for other ports"),
        });
        return refused.map(|because| answer(false, because));
    };
    let is_service = policy.service(host).is_some();
    if !is_service && let Some((address, why)) = nowhere(cx, host, policy.resolver()).await {
        return Some(answer(false, format!("refused: it leads to {address}, which is {why}")));
    }
    let ports = granted.iter().map(|(port, _)| port.to_string()).collect::<Vec<_>>().join(" and ");
    Some(answer(true, format!("allowed: {rule}, by the name in the request, on port {ports}")))
}

fn of_address(policy: &Policy, gateway: Option<Ipv4Addr>, address: Ipv4Addr, port: u16) -> Option<Answer> {
    let because = format!("refused: on port {port} it is the name in the request that is allowed, and this is none");
    let sent = policy.is_sent_to_door(address, port, gateway);
    let host = address.to_string();
    sent.then(|| Answer { address: host.clone(), host, allowed: false, because })
}

/// An address that no name may lead to, if the name has no other.
async fn nowhere(cx: &Context, host: &str, resolver: Option<SocketAddr>) -> Option<(Ipv4Addr, Special)> {
    let found = lookup::lookup(&[host.to_owned()], resolver).await.into_values().flatten();
    let public = Addresses::public(&cx.site().own_addresses(), "");
    let judged: Vec<_> = found.map(|address| Some((address, public.refuse(address.into())?))).collect();
    if judged.iter().all(Option::is_some) { judged.into_iter().flatten().next() } else { None }
}
