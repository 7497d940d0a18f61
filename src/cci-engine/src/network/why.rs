//! `network why`: which rule decides about a host.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use cci_core::network::{Entry, Flow, Mode, Policy, Protocol, Rule, Service, Target, Verdict};
use cci_core::{Error, Result};

use super::acl::{self, Known};
use super::answer::Answer;
use super::project::networks;
use super::{beside, by_name, host_names, lookup, show, ways};
use crate::context::Context;
use crate::incus_error::DuringStep;

/// What is asked.
pub struct Question {
    /// A name or an address, with or without `:port`.
    pub host: String,
    /// The container that would connect; without it the settings of this workspace decide.
    pub from: Option<String>,
}

/// Answers for each address that the host has.
pub async fn why(cx: &Context, question: &Question) -> Result<Vec<Answer>> {
    let (host, port) = split(&question.host)?;
    if question.from.is_none() && cx.settings.network.mode == Mode::None {
        let because = "mode none: no network".to_owned();
        return Ok(vec![Answer { host, address: String::new(), allowed: false, because }]);
    }
    let Some((policy, known)) = policy(cx, question.from.as_deref()).await? else {
        let because = "mode open: everything that the host's Incus network reaches".to_owned();
        return Ok(vec![Answer { host, address: String::new(), allowed: true, because }]);
    };
    let allowed = match &question.from {
        Some(container) => beside::in_force(cx, container).await?,
        None => Vec::new(),
    };
    if let (Some(service), None) = (policy.service(&host), port) {
        return Ok(vec![of_service(service, known.gateway)]);
    }
    let mut named = by_name::answer(cx, (&policy, known.gateway), &allowed, &host, port).await;
    if let (Some(answer), Some(container)) = (named.as_mut().filter(|answer| answer.allowed), &question.from) {
        let ways = ways::of(cx, &policy, container, &allowed).await?;
        answer.because.push_str(&ways.words(&host));
    }
    if port.is_some() && named.is_some() {
        return Ok(named.into_iter().collect());
    }
    let by_address = by_address(cx, &policy, &known, (&host, port)).await;
    Ok(match named {
        // its other ports
        Some(named) => [named].into_iter().chain(by_address.into_iter().filter(|answer| answer.allowed)).collect(),
        None => by_address,
    })
}

async fn by_address(cx: &Context, policy: &Policy, known: &Known, (host, port): (&str, Option<u16>)) -> Vec<Answer> {
    let addresses = match (host.parse::<Ipv4Addr>(), policy.service(host)) {
        (Ok(address), _) => vec![address],
        (Err(_), Some(service)) => service.address(known.gateway).into_iter().collect(),
        (Err(_), None) if policy.withholds(&known.host, host) => Vec::new(),
        (Err(_), None) if policy.has_names() => known.resolved.addresses(host).collect(),
        (Err(_), None) => lookup::lookup(&[host.to_owned()], policy.resolver()).await.into_values().flatten().collect(),
    };
    if addresses.is_empty() {
        let because = unresolved(policy, known, host);
        return vec![Answer { host: host.to_owned(), address: String::new(), allowed: false, because }];
    }
    let rules = policy.rules(&known.resolved, &cx.site().own_addresses(), known.gateway);
    let once: BTreeSet<Ipv4Addr> = addresses.into_iter().collect();
    once.into_iter().map(|address| answer(host, address, port, &rules)).collect()
}

/// `host` or `host:port`, in an entry's own form.
fn split(raw: &str) -> Result<(String, Option<u16>)> {
    let (host, port) = match raw.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (raw, None),
    };
    let invalid =
        || Error::usage(format!("invalid host '{raw}': give a name or an IPv4 address, with or without :port"));
    let port = port.map(|port| port.parse::<u16>().map_err(|_| invalid())).transpose()?;
    if host.parse::<Ipv4Addr>().is_ok() {
        return Ok((host.to_owned(), port));
    }
    match host.parse::<Entry>().map_err(|_| invalid())?.target {
        Target::Name(name) => Ok((name.into(), port)),
        Target::Below(_) | Target::Block(_) => Err(invalid()),
    }
}

async fn policy(cx: &Context, from: Option<&str>) -> Result<Option<(Policy, Known)>> {
    if let Some(container) = from {
        let network = show::network_of(cx, container).await?;
        let found = show::in_force(cx, &network).await?;
        return Ok(found.and_then(|found| Some((acl::policy(&found)?, Known::of(&found)))));
    }
    let Some(policy) = cx.policy()? else { return Ok(None) };
    let known = match networks(cx).acl(policy.name().bridge()).await {
        Ok((found, _)) => Known::of(&found),
        Err(error) if error.is_not_found() => {
            let names: Vec<String> = policy.names().map(str::to_owned).collect();
            let resolved = cci_core::network::Resolved::new(lookup::reachable(cx, &names, policy.resolver()).await);
            Known { resolved, host: host_names::host_names(cx, &policy).await?, ..Known::default() }
        }
        Err(error) => return Err(error).during("read the network's rules"),
    };
    Ok(Some((policy, known)))
}

fn of_service(service: &Service, gateway: Option<Ipv4Addr>) -> Answer {
    let address = service.address(gateway).map(|address| address.to_string()).unwrap_or_default();
    let because = format!("allowed: network.hosts, on port {}", service.ports());
    Answer { host: service.name().to_string(), address, allowed: true, because }
}

fn unresolved(policy: &Policy, known: &Known, host: &str) -> String {
    if policy.withholds(&known.host, host) {
        "the name is the host's or its network's, so it does not resolve in the container".to_owned()
    } else if policy.has_names() && !policy.names().any(|name| name == host) {
        "the name is not in allowed_domains, so it does not resolve in the container".to_owned()
    } else {
        "the name has no public IPv4 address".to_owned()
    }
}

fn answer(host: &str, address: Ipv4Addr, port: Option<u16>, rules: &[Rule]) -> Answer {
    let verdict = Verdict::of(rules, &Flow { to: address, protocol: Protocol::Tcp, port });
    let because = match verdict {
        Verdict::Allowed(rule) => format!("allowed: {}", rule.why),
        Verdict::Refused(rule) => format!("refused: {}", rule.why),
        Verdict::NotListed => "refused: not in allowed_domains".to_owned(),
    };
    Answer { host: host.to_owned(), address: address.to_string(), allowed: verdict.is_allowed(), because }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_with_and_without_its_port() {
        let read = |raw: &str| split(raw).map_err(|error| error.to_string());
        assert_eq!(read("API.example.com:443"), Ok(("api.example.com".into(), Some(443))));
        assert_eq!(read("198.51.100.10"), Ok(("198.51.100.10".into(), None)));
        assert_eq!(read("10.0.0.1:80"), Ok(("10.0.0.1".into(), Some(80))), "a private address may be asked about");
        for wrong in ["a b", "x:port", "*.x", "2001:db8::1", "198.51.100.0/24"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
