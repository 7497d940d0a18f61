//! A name's addresses, as this host's resolver knows them, for as long as they live.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cci_core::network::HostName;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What a resolver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The addresses; none if the name has none.
    pub addresses: Vec<IpAddr>,
    /// How long they may be used without another look-up.
    pub lifetime: Duration,
}

/// Whoever looks names up.
pub trait Resolve: Sync {
    /// Looks one up.
    fn resolve(&self, name: &HostName) -> impl Future<Output = io::Result<Answer>> + Send;
}

/// The host's own resolver. The system does not tell how long its answers live, so none is used twice: a cache that does
/// know, such as that of `systemd-resolved`, is the host's.
#[derive(Debug, Clone)]
pub struct System {
    places: Arc<Semaphore>,
    absolute: bool,
}

/// So many look-ups of one container at once: each holds a thread until the system gives up.
const AT_ONCE: usize = 16;

impl Default for System {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), absolute: false }
    }
}

impl System {
    /// One that looks no name up below a search domain of the host's, nor in its table.
    #[must_use]
    pub fn absolute() -> Self {
        Self { absolute: true, ..Self::default() }
    }
}

impl Resolve for System {
    async fn resolve(&self, name: &HostName) -> io::Result<Answer> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let name = if self.absolute { format!("{name}.") } else { name.to_string() };
        let look_up = move || {
            // as long as the thread is busy, and not as long as somebody waits for it
            let _place = place;
            (name.as_str(), 0).to_socket_addrs()
        };
        let found = tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)??;
        Ok(Answer { addresses: found.map(|address| address.ip()).collect(), lifetime: Duration::ZERO })
    }
}

/// A resolver with what it answered, until that has outlived itself.
pub struct Remembered<R> {
    resolver: R,
    known: Mutex<BTreeMap<HostName, (Vec<IpAddr>, Instant)>>,
}

/// So many names are remembered at once: a wildcard lets a container ask for any number.
const NAMES: usize = 4096;
/// So many addresses of one.
const ADDRESSES: usize = 32;
/// However long an answer says that it lives.
const LONGEST: Duration = Duration::from_secs(3600);

impl<R> Remembered<R> {
    /// With nothing remembered.
    pub fn new(resolver: R) -> Self {
        Self { resolver, known: Mutex::default() }
    }

    fn recall(&self, name: &HostName) -> Option<Answer> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (addresses, until) = known.get(name)?;
        let lifetime = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(Answer { addresses: addresses.clone(), lifetime })
    }

    fn remember(&self, name: &HostName, answer: &Answer) {
        let lifetime = answer.lifetime.min(LONGEST);
        if lifetime.is_zero() || answer.addresses.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() < NAMES {
            known.insert(name.clone(), (answer.addresses.clone(), now + lifetime));
        }
    }
}

impl<R: Resolve> Resolve for Remembered<R> {
    async fn resolve(&self, name: &HostName) -> io::Result<Answer> {
        if let Some(answer) = self.recall(name) {
            return Ok(answer);
        }
        let mut answer = self.resolver.resolve(name).await?;
        answer.addresses.truncate(ADDRESSES);
        self.remember(name, &answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8, Duration);

    impl Resolve for Counting {
        async fn resolve(&self, _: &HostName) -> io::Result<Answer> {
            let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Answer { addresses: vec![[198, 51, 100, asked].into()], lifetime: self.1 })
        }
    }

    async fn last(resolver: &impl Resolve, name: &str) -> String {
        resolver.resolve(&HostName::typed(name).unwrap()).await.unwrap().addresses[0].to_string()
    }

    #[tokio::test]
    async fn the_hosts_resolver_is_asked() {
        let localhost = HostName::typed("localhost").unwrap();
        let answer = System::default().resolve(&localhost).await.unwrap();
        assert!(!answer.addresses.is_empty() && answer.addresses.iter().all(IpAddr::is_loopback), "{answer:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_used_as_long_as_it_lives_and_no_longer() {
        let resolver = Remembered::new(Counting(AtomicU8::new(0), Duration::from_secs(30)));
        assert_eq!(last(&resolver, "a.example").await, "198.51.100.1");
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(last(&resolver, "a.example").await, "198.51.100.1");
        assert_eq!(last(&resolver, "b.example").await, "198.51.100.2");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(last(&resolver, "a.example").await, "198.51.100.3");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_lifetime_is_asked_for_each_time() {
        let resolver = Remembered::new(Counting(AtomicU8::new(0), Duration::ZERO));
        assert_eq!(last(&resolver, "a.example").await, "198.51.100.1");
        assert_eq!(last(&resolver, "a.example").await, "198.51.100.2");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let resolver = Remembered::new(Counting(AtomicU8::new(0), Duration::from_secs(30)));
        for n in 0..2 * NAMES {
            resolver.remember(
                &HostName::typed(&format!("n{n}.example.com")).unwrap(),
                &Answer { addresses: vec![[198, 51, 100, 1].into()], lifetime: Duration::MAX },
            );
        }
        assert_eq!(resolver.known.lock().unwrap().len(), NAMES);
        tokio::time::advance(LONGEST).await;
        assert_eq!(last(&resolver, "n1.example.com").await, "198.51.100.1");
        assert_eq!(resolver.known.lock().unwrap().len(), 1);
    }
}
