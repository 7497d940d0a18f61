//! The way out of one container, and what becomes of each connection on it: opened, refused, closed.

use std::sync::Arc;

use cci_core::network::{HostName, Reach, Upstreams};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::carry::Carry;
use super::dial::Dial;
use super::limits::Limits;
use super::note::{Note, Notes, Peer};
use super::outward::{outward, rule};
use super::refusal::Refusal;
use super::resolve::Resolve;
use super::words::words;

/// The way out of one container.
pub struct Egress<R, D, N, C> {
    /// The name of the container, for the commands that a refusal names.
    pub container: String,
    /// What it may reach, now: looked at for every connection and every request.
    pub reach: watch::Receiver<Arc<Reach>>,
    /// The proxies that the host itself goes out through.
    pub upstreams: Upstreams,
    /// Who looks names up.
    pub resolver: R,
    /// Who opens connections.
    pub dial: D,
    /// Who records what happens.
    pub notes: N,
    /// Who carries secrets in connections of TLS.
    pub carrier: C,
    /// How much it may have under way.
    pub limits: Limits,
}

/// What a connection came to: where it leads, and since when.
pub(super) struct Opened<S> {
    pub(super) stream: S,
    pub(super) way: Way,
}

/// Where something leads that got through.
pub(super) struct Way {
    name: HostName,
    address: Peer,
    since: Instant,
}

impl<R: Resolve, D: Dial, N: Notes, C: Carry> Egress<R, D, N, C> {
    /// A place among the hellos and heads that are being read.
    pub(super) async fn head_place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.limits.head().await
    }

    /// The rule that allows it, now.
    pub(super) fn rule(&self, name: &HostName, port: u16) -> Result<String, Refusal> {
        rule(&self.reach.borrow(), name, port)
    }

    /// Opens the way to a name, if a rule and its addresses allow that, and notes it.
    pub(super) async fn open(&self, name: &HostName, port: u16) -> Result<Opened<D::Stream>, Refusal> {
        self.open_for(name, port, Vec::new()).await
    }

    /// The same for a connection that is ended for these secrets.
    pub(super) async fn open_for(
        &self,
        name: &HostName,
        port: u16,
        secrets: Vec<String>,
    ) -> Result<Opened<D::Stream>, Refusal> {
        let reach = Arc::clone(&self.reach.borrow());
        let rule = rule(&reach, name, port)?;
        let (stream, address) = outward((&reach, &self.upstreams), &self.resolver, &self.dial, name, port).await?;
        Ok(Opened { stream, way: self.noted(name, address, rule, secrets) })
    }

    /// Notes that something got through on a connection that there is already.
    pub(super) fn opened(&self, name: &HostName, address: Peer, rule: String) -> Way {
        self.noted(name, address, rule, Vec::new())
    }

    fn noted(&self, name: &HostName, address: Peer, rule: String, secrets: Vec<String>) -> Way {
        self.notes.note(Note::Opened { name: name.clone(), address, rule, secrets });
        Way { name: name.clone(), address, since: Instant::now() }
    }

    /// Notes that it has ended.
    pub(super) fn closed(&self, way: &Way, sent: u64, received: u64) {
        let Way { name, address, since } = way;
        let lasted = since.elapsed();
        self.notes.note(Note::Closed { name: name.clone(), address: *address, sent, received, lasted });
    }

    /// Notes a refusal; what is said of it.
    pub(super) fn refused(&self, refusal: &Refusal) -> String {
        self.notes.note(Note::Refused(refusal.clone()));
        words(&self.told(refusal), &self.container)
    }

    /// A refusal as the container may know it.
    pub(super) fn told(&self, refusal: &Refusal) -> Refusal {
        let withholds = self.reach.borrow().withheld.is_some();
        if withholds { refusal.without_local() } else { refusal.clone() }
    }
}

impl Way {
    pub(super) fn name(&self) -> &HostName {
        &self.name
    }

    pub(super) fn address(&self) -> Peer {
        self.address
    }
}
