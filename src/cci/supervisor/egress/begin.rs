//! The way out of one session, as long as it is watched.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use cci_core::network::{Addresses, EntryError, HostNames, UpstreamError, Upstreams};
use cci_engine::blocking::blocking;
use cci_host::network;
use cci_host::store::run_dir::{EgressNote, RunDir, Watched};
use cci_proxy::egress::{Egress, Limits, Pipes, Tcp};
use rustix::process::{Resource, getrlimit};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::gateways::{Coming, Gateways};
use super::notice;
use super::record::Record;
use super::resolver::Resolver;
use super::rules::{Listed, Rules};
use crate::supervisor::secret::{Carrier, Vault};

/// How often it is looked which addresses the host has.
const LOOKED: Duration = Duration::from_secs(10);
/// How soon a door is tried again that cannot be opened.
const AGAIN: Duration = Duration::from_secs(5);

/// What a note has that cannot be read, as of another version.
#[derive(Debug)]
pub(in crate::supervisor) enum Unreadable {
    Entry(EntryError),
    Proxy(UpstreamError),
}

impl From<EntryError> for Unreadable {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(error) => error.fmt(out),
            Self::Proxy(error) => error.fmt(out),
        }
    }
}

/// The way out of one session.
type Way = Egress<Resolver, Tcp, Record, Carrier>;

/// Begins to serve, in a task that ends with the session. What comes in meanwhile waits: a launch relies on it.
pub(in crate::supervisor) fn begin(
    watched: &Watched,
    record: &Record,
    (run, gateways, vault, pipes): (&RunDir, &Gateways, &Rc<Vault>, &Pipes),
    tasks: &mut JoinSet<()>,
) -> Result<Option<Rc<Rules>>, Unreadable> {
    let Some(note) = watched.egress.clone() else { return Ok(None) };
    let listed = Listed::of(&note)?;
    let upstreams = note.proxy.as_ref().map(Upstreams::read).transpose().map_err(Unreadable::Proxy)?;
    let upstreams = upstreams.unwrap_or_default();
    if watched.sockets {
        let showing = notice::show(run.clone(), watched.clone(), record.notices());
        tasks.spawn_local(async move { match showing.await {} });
    }
    let (record, gateways) = (record.clone(), gateways.clone());
    let enter = |(port, door): (&u16, &SocketAddr)| (*port, *door, gateways.enter(*door, note.address.into()));
    let entered: Vec<_> = note.doors.iter().map(enter).collect();
    let rules = Rc::new(Rules::of(run, watched, listed));
    let carrier = Carrier::of(watched, vault);
    let serving = serve((note, upstreams), Rc::clone(&rules), (record, carrier, limits(pipes)), gateways, entered);
    let ending = Rc::clone(&rules);
    tasks.spawn_local(async move { match serving.await {} });
    tasks.spawn_local(async move { match ending.end_in_time().await {} });
    Ok(Some(rules))
}

/// A port, the door for it, and what comes in there if it could be opened.
type Entered = (u16, SocketAddr, io::Result<Coming>);

async fn serve(
    (note, upstreams): (EgressNote, Upstreams),
    rules: Rc<Rules>,
    (record, carrier, limits): (Record, Carrier, Limits),
    gateways: Gateways,
    entered: Vec<Entered>,
) -> Infallible {
    // nothing is passed on before it is known where no name may lead
    let (addresses, host) = seen(note.resolver.is_some()).await;
    rules.lead_to(addresses, host);
    let (is_pinned, withholds) = (note.resolver.is_some(), note.withholds_local);
    let (container, address) = (note.container, note.address);
    let way = Egress {
        container,
        reach: rules.reach(),
        upstreams,
        resolver: Resolver::of(note.resolver, withholds),
        dial: Tcp,
        notes: record,
        carrier,
        limits,
    };
    let way = Rc::new(way);
    let mut open = JoinSet::new();
    for (port, door, entered) in entered {
        let (way, gateways) = (Rc::clone(&way), gateways.clone());
        open.spawn_local(async move {
            let coming = enter(&gateways, door, address.into(), entered, &way).await;
            match pass(way, coming, port).await {}
        });
    }
    loop {
        sleep(LOOKED).await;
        let (addresses, host) = seen(is_pinned).await;
        rules.lead_to(addresses, host);
    }
}

/// What one session may have under way: each connection is two files, and no session takes them from the others.
fn limits(pipes: &Pipes) -> Limits {
    const MOST: u64 = 8192;
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = (files / 16).clamp(64, MOST);
    Limits::new(usize::try_from(connections).unwrap_or(usize::MAX), 256, pipes)
}

/// What a name may not lead to, and what is known here alone, as the host is now. Who asks a name server of its own hears
/// nothing of the host's table.
async fn seen(is_pinned: bool) -> (Addresses, HostNames) {
    let look = move || {
        let host = if is_pinned { network::names() } else { network::names_of_resolver() };
        Ok((network::public_addresses(), host))
    };
    loop {
        if let Ok(seen) = blocking(look).await {
            return seen;
        }
        sleep(AGAIN).await;
    }
}

/// What comes in at a door; one that could not be opened is tried again, as its bridge may not be there yet.
async fn enter(
    gateways: &Gateways,
    door: SocketAddr,
    address: IpAddr,
    mut entered: io::Result<Coming>,
    way: &Way,
) -> Coming {
    let mut told = false;
    loop {
        match entered {
            Ok(coming) => return coming,
            Err(error) if !told => way.notes.say(format_args!("nobody can listen at {door}: {error}")),
            Err(_) => {}
        }
        told = true;
        sleep(AGAIN).await;
        entered = gateways.enter(door, address);
    }
}

/// Passes on what comes, each in a task that ends with the session.
async fn pass(way: Rc<Way>, mut coming: Coming, port: u16) -> Infallible {
    let mut passed = JoinSet::new();
    loop {
        tokio::select! {
            stream = coming.next() => {
                let way = Rc::clone(&way);
                passed.spawn_local(async move { way.serve(stream, port).await });
            }
            Some(_) = passed.join_next() => {}
        }
    }
}
