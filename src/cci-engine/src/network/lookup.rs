//! Looks names up on the host, many at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::StreamExt as _;

/// How many lookups run at once.
const AT_ONCE: usize = 64;
/// How long all of them together may take; a name that is later keeps its old addresses.
const LIMIT: Duration = Duration::from_secs(5);

/// The IPv4 addresses of each name that was found.
pub(super) async fn lookup(names: &[String]) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let mut found = BTreeMap::new();
    let one = |name: String| async move {
        let answer = tokio::net::lookup_host((name.as_str(), 0)).await;
        let addresses = answer.into_iter().flatten().filter_map(|socket| match socket.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let addresses: BTreeSet<Ipv4Addr> = addresses.collect();
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
