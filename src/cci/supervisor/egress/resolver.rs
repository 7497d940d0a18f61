//! Who looks names up for a session's connections: this host's resolver, or the name server that its settings pin.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use cci_core::network::HostName;
use cci_host::resolver::look_up;
use cci_proxy::egress::{Answer, Remembered, Resolve, System};
use tokio::sync::Semaphore;

/// So many look-ups of one container at once: each holds a thread as long as it takes.
const AT_ONCE: usize = 16;

pub(super) enum Resolver {
    /// That of the host.
    Host(System),
    /// One name server.
    Pinned(Remembered<Pinned>),
}

/// One name server.
pub(super) struct Pinned {
    server: SocketAddr,
    places: Arc<Semaphore>,
}

impl Resolver {
    /// The pinned one, or else the host's; without what only the host knows where that is withheld.
    pub(super) fn of(pinned: Option<SocketAddr>, withholds: bool) -> Self {
        match pinned {
            None if withholds => Self::Host(System::absolute()),
            None => Self::Host(System::default()),
            Some(server) => Self::Pinned(Remembered::new(Pinned { server, places: Arc::new(Semaphore::new(AT_ONCE)) })),
        }
    }
}

impl Resolve for Resolver {
    async fn resolve(&self, name: &HostName) -> io::Result<Answer> {
        match self {
            Self::Host(system) => system.resolve(name).await,
            Self::Pinned(pinned) => pinned.resolve(name).await,
        }
    }
}

impl Resolve for Pinned {
    async fn resolve(&self, name: &HostName) -> io::Result<Answer> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let (server, name) = (self.server, name.clone());
        let look_up = move || {
            let _place = place;
            look_up(server, &name)
        };
        let (addresses, lifetime) = tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)??;
        Ok(Answer { addresses, lifetime })
    }
}
