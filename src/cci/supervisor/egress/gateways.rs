//! The doors that networks send connections to. One belongs to a bridge, and so to every session with a container there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// So many connections wait for their session; further ones are closed.
const WAITING: usize = 64;
/// How long to wait where no connection can be accepted now.
const NO_FILES: Duration = Duration::from_millis(200);

/// The doors that are open.
#[derive(Clone, Default)]
pub(in crate::supervisor) struct Gateways(Rc<RefCell<BTreeMap<SocketAddr, Gateway>>>);

/// Who is behind a door, by the address that each comes from.
type Sessions = Rc<RefCell<BTreeMap<IpAddr, mpsc::Sender<TcpStream>>>>;

struct Gateway {
    sessions: Sessions,
    /// Ends with the last session.
    _listening: JoinSet<()>,
}

/// What comes in at a door from one address.
pub(super) struct Coming {
    streams: mpsc::Receiver<TcpStream>,
    own: mpsc::Sender<TcpStream>,
    gateways: Gateways,
    door: SocketAddr,
    address: IpAddr,
}

impl Gateways {
    /// Takes what comes in at a door from this address; the first one opens the door.
    pub(super) fn enter(&self, door: SocketAddr, address: IpAddr) -> io::Result<Coming> {
        let mut open = self.0.borrow_mut();
        let gateway = match open.entry(door) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(closed) => closed.insert(Gateway::open(door)?),
        };
        let (own, streams) = mpsc::channel(WAITING);
        gateway.sessions.borrow_mut().insert(address, own.clone());
        Ok(Coming { streams, own, gateways: self.clone(), door, address })
    }

    /// The door, if nobody takes in what comes there from this address.
    pub(in crate::supervisor) fn closed(&self, door: SocketAddr, address: IpAddr) -> Option<SocketAddr> {
        let open = self.0.borrow();
        let is_known = open.get(&door).is_some_and(|gateway| gateway.sessions.borrow().contains_key(&address));
        (!is_known).then_some(door)
    }
}

impl Gateway {
    fn open(door: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(door)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (sessions, mut listening) = (Sessions::default(), JoinSet::new());
        let known = Rc::clone(&sessions);
        listening.spawn_local(async move { match listen(listener, known).await {} });
        Ok(Self { sessions, _listening: listening })
    }
}

/// Gives each connection to its session. One of nobody's is closed, and so is one that finds too many waiting.
async fn listen(listener: TcpListener, sessions: Sessions) -> Infallible {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(NO_FILES).await;
            continue;
        };
        if let Some(session) = sessions.borrow().get(&from.ip()) {
            let _ = session.try_send(stream);
        }
    }
}

impl Coming {
    /// The next connection.
    pub(super) async fn next(&mut self) -> TcpStream {
        match self.streams.recv().await {
            Some(stream) => stream,
            // there is a sender as long as this lives
            None => pending().await,
        }
    }
}

impl Drop for Coming {
    /// The last one closes the door. Another session may have come to this address meanwhile: that one stays.
    fn drop(&mut self) {
        let mut open = self.gateways.0.borrow_mut();
        let Some(gateway) = open.get(&self.door) else { return };
        let is_empty = {
            let mut sessions = gateway.sessions.borrow_mut();
            if sessions.get(&self.address).is_some_and(|there| there.same_channel(&self.own)) {
                sessions.remove(&self.address);
            }
            sessions.is_empty()
        };
        if is_empty {
            open.remove(&self.door);
        }
    }
}
