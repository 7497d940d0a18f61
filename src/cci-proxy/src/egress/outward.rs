//! From a name to a connection: the rule, the look-up, the judgement of the addresses, and the address that passed it; or
//! a proxy of the host's that is asked for the name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cci_core::network::{HostName, Reach, Special, Unlisted, Upstream, UpstreamHost, UpstreamKind, Upstreams};
use tokio::time::timeout;

use super::dial::{Dial, first};
use super::limits::{DIAL, LOOK_UP};
use super::note::Peer;
use super::refusal::Refusal;
use super::resolve::Resolve;
use super::upstream::{Unopened, Wanted, connect, socks5};

/// How long a look-up may take beside a proxy that does its own: where names are known to the proxy only, there may be
/// nobody who answers.
const BESIDE: Duration = Duration::from_secs(2);

/// The rule that allows a name and a port, in words.
///
/// An error is why none does.
pub fn rule(reach: &Reach, name: &HostName, port: u16) -> Result<String, Refusal> {
    reach.names.judge(name, port).map(|grant| grant.to_string()).map_err(|unlisted| match unlisted {
        Unlisted::Name => Refusal::NotListed { name: name.clone(), port },
        Unlisted::Port(rule) => Refusal::OtherPort { name: name.clone(), port, rule: rule.clone() },
    })
}

/// Refuses a way that leads where no name may. Where it goes through a proxy, the proxy's look-up counts.
pub(super) fn may_lead(reach: &Reach, name: &HostName, peer: Peer) -> Result<(), Refusal> {
    let Peer::Address(address) = peer else { return Ok(()) };
    let refused = reach.refuse(name, address);
    refused.map_or(Ok(()), |why| Err(Refusal::Special { name: name.clone(), address: address.ip(), why }))
}

/// A connection to a name that a rule allows.
pub(super) async fn outward<R: Resolve, D: Dial>(
    (reach, upstreams): (&Reach, &Upstreams),
    resolver: &R,
    dial: &D,
    name: &HostName,
    port: u16,
) -> Result<(D::Stream, Peer), Refusal> {
    if let Some(address) = reach.services.address(name, port) {
        return direct(dial, &[address.into()], name, port).await;
    }
    // a proxy may know it too
    if reach.withholds(name) {
        return Err(Refusal::NotFound { name: name.clone() });
    }
    let Some(upstream) = upstreams.of(name, port) else {
        let addresses = addresses(reach, resolver, name).await?;
        return direct(dial, &addresses, name, port).await;
    };
    let wanted = match upstream.kind {
        UpstreamKind::Connect | UpstreamKind::Socks5Names => {
            beside(reach, resolver, name).await?;
            Wanted::Name(name, port)
        }
        UpstreamKind::Socks5 => {
            let addresses = addresses(reach, resolver, name).await?;
            let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
            let address = address.ok_or_else(|| Refusal::NotFound { name: name.clone() })?;
            Wanted::Address(SocketAddr::new(*address, port))
        }
    };
    let mut stream = to_proxy(resolver, dial, upstream).await.ok_or(Refusal::NoProxy)?;
    let login = upstream.login.as_ref();
    let opening = async {
        match upstream.kind {
            UpstreamKind::Connect => connect(&mut stream, wanted, login).await,
            UpstreamKind::Socks5 | UpstreamKind::Socks5Names => socks5(&mut stream, wanted, login).await,
        }
    };
    match timeout(DIAL, opening).await {
        Ok(Ok(())) => Ok((stream, Peer::Proxy(port))),
        Ok(Err(Unopened::Refused(status))) => Err(Refusal::ProxyRefused { name: name.clone(), port, status }),
        Ok(Err(Unopened::Gone)) | Err(_) => Err(Refusal::NoProxy),
    }
}

async fn direct<D: Dial>(
    dial: &D,
    addresses: &[IpAddr],
    name: &HostName,
    port: u16,
) -> Result<(D::Stream, Peer), Refusal> {
    let opened = first(dial, addresses, port).await;
    let (stream, address) = opened.ok_or_else(|| Refusal::Unreachable { name: name.clone(), port })?;
    Ok((stream, Peer::Address(address)))
}

/// A connection to the proxy itself, which is the host's and may be anywhere.
async fn to_proxy<R: Resolve, D: Dial>(resolver: &R, dial: &D, upstream: &Upstream) -> Option<D::Stream> {
    let addresses = match &upstream.host {
        UpstreamHost::Address(address) => vec![*address],
        UpstreamHost::Name(name) => timeout(LOOK_UP, resolver.resolve(name)).await.ok()?.ok()?.addresses,
    };
    first(dial, &addresses, upstream.port).await.map(|(stream, _)| stream)
}

/// The addresses of a name that may be dialled.
async fn addresses<R: Resolve>(reach: &Reach, resolver: &R, name: &HostName) -> Result<Vec<IpAddr>, Refusal> {
    let answer = timeout(LOOK_UP, resolver.resolve(name)).await;
    let Ok(Ok(answer)) = answer else { return Err(Refusal::NotFound { name: name.clone() }) };
    let (reachable, special) = apart(reach, &answer.addresses);
    match special {
        _ if !reachable.is_empty() => Ok(reachable),
        Some((address, why)) => Err(Refusal::Special { name: name.clone(), address, why }),
        None => Err(Refusal::NotFound { name: name.clone() }),
    }
}

/// Refuses a name that leads where no name may as far as this host knows: which of its addresses a proxy takes cannot be
/// told. One that only the proxy knows passes.
async fn beside<R: Resolve>(reach: &Reach, resolver: &R, name: &HostName) -> Result<(), Refusal> {
    let Ok(Ok(answer)) = timeout(BESIDE, resolver.resolve(name)).await else { return Ok(()) };
    let (_, special) = apart(reach, &answer.addresses);
    let refused = special.map(|(address, why)| Refusal::Special { name: name.clone(), address, why });
    refused.map_or(Ok(()), Err)
}

/// The addresses that may be dialled, and one that may not.
fn apart(reach: &Reach, addresses: &[IpAddr]) -> (Vec<IpAddr>, Option<(IpAddr, Special)>) {
    let judged = |address: &IpAddr| reach.addresses.refuse(*address).map(|why| (*address, why));
    let reachable = addresses.iter().copied().filter(|address| judged(address).is_none()).collect();
    (reachable, addresses.iter().find_map(judged))
}
