//! From a name to a connection: the rule, the look-up, the judgement of the addresses, and the address that passed it.

use std::net::{IpAddr, SocketAddr};

use cci_core::network::{HostName, Reach, Special, Unlisted};
use tokio::time::timeout;

use super::dial::{Dial, first};
use super::limits::LOOK_UP;
use super::refusal::Refusal;
use super::resolve::Resolve;

/// The rule that allows a name and a port, in words.
///
/// An error is why none does.
pub fn rule(reach: &Reach, name: &HostName, port: u16) -> Result<String, Refusal> {
    reach.names.judge(name, port).map(|grant| grant.to_string()).map_err(|unlisted| match unlisted {
        Unlisted::Name => Refusal::NotListed { name: name.clone(), port },
        Unlisted::Port(rule) => Refusal::OtherPort { name: name.clone(), port, rule: rule.clone() },
    })
}

/// A connection to a name that a rule allows.
pub(super) async fn outward<R: Resolve, D: Dial>(
    reach: &Reach,
    resolver: &R,
    dial: &D,
    name: &HostName,
    port: u16,
) -> Result<(D::Stream, SocketAddr), Refusal> {
    let answer = timeout(LOOK_UP, resolver.resolve(name)).await;
    let Ok(Ok(answer)) = answer else { return Err(Refusal::NotFound { name: name.clone() }) };
    let (reachable, special) = apart(reach, &answer.addresses);
    if reachable.is_empty() {
        return Err(match special {
            Some((address, why)) => Refusal::Special { name: name.clone(), address, why },
            None => Refusal::NotFound { name: name.clone() },
        });
    }
    first(dial, &reachable, port).await.ok_or_else(|| Refusal::Unreachable { name: name.clone(), port })
}

/// The addresses that may be dialled, and one that may not.
fn apart(reach: &Reach, addresses: &[IpAddr]) -> (Vec<IpAddr>, Option<(IpAddr, Special)>) {
    let judged = |address: &IpAddr| reach.addresses.refuse(*address).map(|why| (*address, why));
    let reachable = addresses.iter().copied().filter(|address| judged(address).is_none()).collect();
    (reachable, addresses.iter().find_map(judged))
}
