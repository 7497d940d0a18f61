//! The first of a name's addresses that answers, and never any other address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use super::limits::DIAL;
use super::stream::Stream;

/// Whoever opens connections.
pub trait Dial: Sync {
    /// A connection.
    type Stream: Stream;

    /// Opens one to exactly this address.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// From this host, over TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // what the container sent in one piece should not wait for the next
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// How long an address has before the next is tried beside it (RFC 8305).
const NEXT: Duration = Duration::from_millis(250);
/// So many are tried.
const TRIED: usize = 8;

/// The first connection to one of these addresses.
pub(super) async fn first<D: Dial>(dial: &D, addresses: &[IpAddr], port: u16) -> Option<(D::Stream, SocketAddr)> {
    let mut waiting = in_turn(addresses).into_iter().take(TRIED).map(|address| SocketAddr::new(address, port));
    let attempt = |address| async move { dial.dial(address).await.map(|stream| (stream, address)) };
    let tries = async {
        let mut under_way = FuturesUnordered::new();
        loop {
            let next = waiting.next();
            let is_last = next.is_none();
            under_way.extend(next.map(&attempt));
            tokio::select! {
                biased;
                done = under_way.next() => match done {
                    Some(Ok(connected)) => return Some(connected),
                    None if is_last => return None,
                    // the next one gets its turn at once
                    Some(Err(_)) | None => {}
                },
                () = tokio::time::sleep(NEXT), if !is_last => {}
            }
        }
    };
    tokio::time::timeout(DIAL, tries).await.ok().flatten()
}

/// Both families by turns, IPv6 first, each in the resolver's order.
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().copied().partition(IpAddr::is_ipv6);
    let longest = six.len().max(four.len());
    (0..longest).flat_map(|at| [six.get(at), four.get(at)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// Answers after so many milliseconds, or never.
    struct Net(BTreeMap<IpAddr, Result<u64, u64>>, Mutex<Vec<(IpAddr, u128)>>, Instant);

    impl Dial for Net {
        type Stream = tokio::io::DuplexStream;

        async fn dial(&self, address: SocketAddr) -> io::Result<Self::Stream> {
            self.1.lock().unwrap().push((address.ip(), self.2.elapsed().as_millis()));
            let (Ok(wait) | Err(wait)) = self.0[&address.ip()];
            tokio::time::sleep(Duration::from_millis(wait)).await;
            self.0[&address.ip()].map(|_| tokio::io::duplex(1).0).map_err(|_| io::ErrorKind::ConnectionRefused.into())
        }
    }

    async fn dialled(net: &[(&str, Result<u64, u64>)]) -> (Option<String>, Vec<(String, u128)>) {
        let addresses: Vec<IpAddr> = net.iter().map(|(address, _)| address.parse().unwrap()).collect();
        let answers = addresses.iter().copied().zip(net.iter().map(|(_, answer)| *answer)).collect();
        let net = Net(answers, Mutex::default(), Instant::now());
        let got = first(&net, &addresses, 443).await.map(|(_, address)| address.ip().to_string());
        let tried = net.1.into_inner().unwrap();
        (got, tried.into_iter().map(|(address, at)| (address.to_string(), at)).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_is_taken_and_families_take_turns() {
        let never = Ok(3_600_000);
        let (got, tried) = dialled(&[("198.51.100.1", Ok(5)), ("2001:db8::1", never), ("2001:db8::2", never)]).await;
        assert_eq!(got.as_deref(), Some("198.51.100.1"));
        assert_eq!(tried, [("2001:db8::1".to_owned(), 0), ("198.51.100.1".to_owned(), 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_gives_the_turn_to_the_next_at_once() {
        let (got, tried) = dialled(&[("198.51.100.1", Err(1)), ("198.51.100.2", Ok(1))]).await;
        assert_eq!(got.as_deref(), Some("198.51.100.2"));
        assert_eq!(tried[1].1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn none_that_answers_is_none() {
        assert_eq!(dialled(&[("198.51.100.1", Err(1)), ("2001:db8::1", Err(1))]).await.0, None);
        assert_eq!(dialled(&[("198.51.100.1", Ok(3_600_000))]).await.0, None);
        assert_eq!(dialled(&[]).await.0, None);
        let many: Vec<String> = (0..100).map(|n| format!("198.51.100.{n}")).collect();
        let many: Vec<_> = many.iter().map(|address| (address.as_str(), Err(0))).collect();
        assert_eq!(dialled(&many).await.1.len(), TRIED);
    }
}
