//! Names that are looked up and not listed: a policy's name server tells of them here, and each is refused, and written down like
//! any other refusal, in the session whose container looked it up.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use cci_core::network::{DnsAsked, HostName};
use cci_engine::blocking::blocking;
use cci_host::network::{Sockets, is_from_the_system};
use cci_proxy::egress::{Note, Notes, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::record::Record;
use super::rules::Rules;

/// No question that a name server passes on is longer.
const LONGEST: usize = 4096;
/// How soon it is tried again to listen, or to read what came.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a connection may stand still, and how many there may be.
const IDLE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 64;
/// Two look-ups of a name within this time are one: that for IPv4, and that for IPv6.
const AT_ONCE: Duration = Duration::from_secs(1);
/// So many names are remembered for that.
const REMEMBERED: usize = 64;

/// Where name servers tell of names. One belongs to everything that this supervisor keeps.
#[derive(Clone, Default)]
pub(in crate::supervisor) struct NamesDoors(Rc<RefCell<BTreeMap<SocketAddr, NamesDoor>>>);

/// Who looks names up, by the addresses of their containers.
type Askers = Rc<RefCell<BTreeMap<Ipv4Addr, Rc<Asker>>>>;

struct NamesDoor {
    askers: Askers,
    /// Ends with the last session.
    _listening: JoinSet<()>,
}

/// A session whose container looks names up.
pub(super) struct Asker {
    rules: Rc<Rules>,
    record: Record,
    lately: RefCell<VecDeque<(HostName, Instant)>>,
}

/// A session's place at a door.
pub(super) struct Place {
    doors: NamesDoors,
    door: SocketAddr,
    address: Ipv4Addr,
    asker: Rc<Asker>,
}

impl NamesDoors {
    /// Hears of what this address looks up; the first one opens the door.
    pub(super) fn enter(&self, door: SocketAddr, address: Ipv4Addr, asker: &Rc<Asker>) -> io::Result<Place> {
        let mut open = self.0.borrow_mut();
        let there = match open.entry(door) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(closed) => closed.insert(NamesDoor::open(door)?),
        };
        there.askers.borrow_mut().insert(address, Rc::clone(asker));
        Ok(Place { doors: self.clone(), door, address, asker: Rc::clone(asker) })
    }
}

impl NamesDoor {
    fn open(door: SocketAddr) -> io::Result<Self> {
        let (socket, listener) = (std::net::UdpSocket::bind(door)?, std::net::TcpListener::bind(door)?);
        socket.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        let (socket, listener) = (UdpSocket::from_std(socket)?, TcpListener::from_std(listener)?);
        let (askers, mut listening) = (Askers::default(), JoinSet::new());
        let (by_datagrams, by_connections) = (Rc::clone(&askers), Rc::clone(&askers));
        listening.spawn_local(async move { match listen(&socket, &by_datagrams).await {} });
        listening.spawn_local(async move { match accept(listener, by_connections).await {} });
        Ok(Self { askers, _listening: listening })
    }
}

impl Drop for Place {
    /// The last one closes the door. Another session may have come to this address meanwhile: that one stays.
    fn drop(&mut self) {
        let mut open = self.doors.0.borrow_mut();
        let Some(door) = open.get(&self.door) else { return };
        let is_empty = {
            let mut askers = door.askers.borrow_mut();
            if askers.get(&self.address).is_some_and(|there| Rc::ptr_eq(there, &self.asker)) {
                askers.remove(&self.address);
            }
            askers.is_empty()
        };
        if is_empty {
            open.remove(&self.door);
        }
    }
}

impl Asker {
    pub(super) fn new(rules: &Rc<Rules>, record: &Record) -> Rc<Self> {
        Rc::new(Self { rules: Rc::clone(rules), record: record.clone(), lately: RefCell::default() })
    }

    /// Whether there is something to write down.
    fn is_news(&self, name: &HostName) -> bool {
        let mut lately = self.lately.borrow_mut();
        while lately.front().is_some_and(|(_, at)| at.elapsed() >= AT_ONCE) || lately.len() >= REMEMBERED {
            lately.pop_front();
        }
        let is_news = !self.rules.knows(name) && !lately.iter().any(|(known, _)| known == name);
        if is_news {
            lately.push_back((name.clone(), Instant::now()));
        }
        is_news
    }
}

/// Keeps a session's place, once it has one.
pub(super) async fn keep(
    doors: NamesDoors,
    door: SocketAddr,
    address: Ipv4Addr,
    asker: Rc<Asker>,
    mut entered: io::Result<Place>,
) -> Infallible {
    let mut told = false;
    loop {
        match entered {
            Ok(_place) => pending().await,
            Err(error) if !told => {
                asker
                    .record
                    .say(format_args!("names that are not listed are not told: nobody can listen at {door}: {error}"));
            }
            Err(_) => {}
        }
        told = true;
        sleep(AGAIN).await;
        entered = doors.enter(door, address, &asker);
    }
}

/// Takes in questions by datagrams.
async fn listen(socket: &UdpSocket, askers: &Askers) -> Infallible {
    let mut message = [0; LONGEST];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut message).await else {
            sleep(AGAIN).await;
            continue;
        };
        let Some((answer, refused)) = hear(&message[..length], (from, Sockets::Datagrams), askers).await else {
            continue;
        };
        let _ = socket.send_to(&answer, from).await;
        refused.into_iter().for_each(Refused::note);
    }
}

/// Takes in questions by connections: a name server passes a question on as it came.
async fn accept(listener: TcpListener, askers: Askers) -> Infallible {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((stream, from)) => {
                    let askers = Rc::clone(&askers);
                    open.spawn_local(async move { drop(answer(stream, from, &askers).await) });
                }
                Err(_) => sleep(AGAIN).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// Answers the questions of a connection, each with its length before it, until it ends or stands still.
async fn answer(mut stream: TcpStream, from: SocketAddr, askers: &Askers) -> io::Result<()> {
    loop {
        let message = timeout(IDLE, async {
            let mut message = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut message).await.map(|_| message)
        });
        let message = message.await??;
        let Some((answer, refused)) = hear(&message, (from, Sockets::Connections), askers).await else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        timeout(IDLE, stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())).await??;
        refused.into_iter().for_each(Refused::note);
    }
}

/// A name that a session's container may not look up.
struct Refused(Rc<Asker>, HostName);

impl Refused {
    fn note(self) {
        let Self(asker, name) = self;
        asker.record.note(Note::Refused(Refusal::NotLookedUp { name }));
    }
}

/// The answer to a question, that there is no such name, whoever asks; and what is to be written down, where it is known who does.
async fn hear(
    message: &[u8],
    (from, sockets): (SocketAddr, Sockets),
    askers: &Askers,
) -> Option<(Vec<u8>, Option<Refused>)> {
    let question = DnsAsked::read(message)?;
    let news = question.from().zip(question.name()).and_then(|(address, name)| {
        let asker = Rc::clone(askers.borrow().get(&address)?);
        asker.is_news(name).then(|| Refused(asker, name.clone()))
    });
    // whoever has sent it is known as long as it waits for the answer
    let is_told = news.is_some() && blocking(move || Ok(is_from_the_system(from, sockets))).await.unwrap_or(false);
    Some((question.no_such_name(), news.filter(|_| is_told)))
}
