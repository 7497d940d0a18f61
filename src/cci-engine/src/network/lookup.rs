//! Looks names up on the host, many at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use cci_core::network::{Addresses, HostName};
use cci_host::resolver::look_up;
use futures_util::StreamExt as _;

use crate::blocking::blocking;
use crate::context::Context;

/// How many lookups run at once.
const AT_ONCE: usize = 64;
/// How long all of them together may take; a name that is later keeps its old addresses.
const LIMIT: Duration = Duration::from_secs(5);

/// The IPv4 addresses of each name that was found, by the host's own resolver or by a pinned one.
pub(super) async fn lookup(names: &[String], resolver: Option<SocketAddr>) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let mut found = BTreeMap::new();
    let one = |name: String| async move {
        let answer: Vec<IpAddr> = match resolver {
            None => {
                let answer = tokio::net::lookup_host((name.as_str(), 0)).await;
                answer.into_iter().flatten().map(|socket| socket.ip()).collect()
            }
            Some(server) => pinned(server, name.clone()).await,
        };
        let addresses: BTreeSet<Ipv4Addr> = answer
            .into_iter()
            .filter_map(|address| match address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .collect();
        (name, addresses)
    };
    let mut answers = futures_util::stream::iter(names.to_vec()).map(one).buffer_unordered(AT_ONCE);
    let gather = async {
        while let Some((name, addresses)) = answers.next().await {
            found.insert(name, addresses);
        }
    };
    // late ones are simply not among the results
    let _ = tokio::time::timeout(LIMIT, gather).await;
    found.retain(|_, addresses| !addresses.is_empty());
    found
}

/// The same without the addresses that no name may lead to: nobody in a container hears where such a name leads.
pub(super) async fn reachable(
    cx: &Context,
    names: &[String],
    resolver: Option<SocketAddr>,
) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let public = Addresses::public(&cx.site().own_addresses(), "");
    without_refused(lookup(names, resolver).await, &public)
}

fn without_refused(
    mut found: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    public: &Addresses,
) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    found.retain(|_, addresses| {
        addresses.retain(|address| public.refuse((*address).into()).is_none());
        !addresses.is_empty()
    });
    found
}

async fn pinned(server: SocketAddr, name: String) -> Vec<IpAddr> {
    let Ok(name) = HostName::typed(&name) else { return Vec::new() };
    let found = blocking(move || Ok(look_up(server, &name))).await;
    found.ok().and_then(Result::ok).map(|(addresses, _)| addresses).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_names_addresses_those_are_told_that_may_be_reached() {
        let addresses =
            |all: &[&str]| all.iter().map(|address| address.parse().unwrap()).collect::<BTreeSet<Ipv4Addr>>();
        let own = addresses(&["203.0.113.7"]);
        let found = BTreeMap::from([
            ("mixed.example".to_owned(), addresses(&["198.51.100.1", "10.0.0.1", "203.0.113.7", "100.100.100.200"])),
            ("near.example".to_owned(), addresses(&["192.168.1.1", "203.0.113.7"])),
        ]);
        let left = without_refused(found, &Addresses::public(&own, ""));
        assert_eq!(left, BTreeMap::from([("mixed.example".to_owned(), addresses(&["198.51.100.1"]))]));
    }
}
