//! A connection of HTTP/1: its requests are passed on one by one, each judged anew.

use std::io;

use cci_core::network::HostName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::body::{Framing, within};
use super::carry::Carry;
use super::connection::{Egress, Way};
use super::dial::Dial;
use super::ends::Ends;
use super::exchange::{After, exchange};
use super::head::{Kind, Request};
use super::limits::{HEAD, HEAD_TIME, IDLE};
use super::lines::{self, Unread};
use super::note::Notes;
use super::outward::may_lead;
use super::refusal::Refusal;
use super::resolve::Resolve;
use super::splice::{Spliced, splice};
use super::stream::Stream;
use super::tls::is_same;

/// A tunnel to a port of HTTP or TLS: what goes through it is for the name that it was opened for.
pub(super) struct Tunnel<S> {
    pub(super) client: Ends<S>,
    pub(super) name: HostName,
    pub(super) port: u16,
}

/// A connection to a server, kept for the next request to it.
struct Server<S> {
    ends: Ends<S>,
    port: u16,
    way: Way,
    /// Whether it has answered before.
    kept: bool,
}

impl<R: Resolve, D: Dial, N: Notes, C: Carry> Egress<R, D, N, C> {
    /// Serves a connection to its end, or until it is a tunnel.
    pub(super) async fn http<S>(&self, mut client: Ends<S>, port: u16, opened: Option<HostName>) -> Option<Tunnel<S>>
    where
        S: Stream,
    {
        let mut kept: Option<Server<D::Stream>> = None;
        loop {
            if !wait(&mut client, &mut kept).await.unwrap_or(false) {
                return None;
            }
            let request = match self.request(&mut client).await {
                Ok(request) => request?,
                Err(refusal) => return self.refuse(&mut client, &refusal).await,
            };
            let (port, rule) = match self.judge(&request, port, opened.as_ref()) {
                Ok(judged) => judged,
                Err(refusal) if may_go_on(&request) => {
                    self.answer(&mut client, &refusal, true).await.ok()?;
                    continue;
                }
                Err(refusal) => return self.refuse(&mut client, &refusal).await,
            };
            if request.kind == Kind::Tunnel {
                return self.tunnel(client, request.name, port).await;
            }
            let server = match self.server(kept.take(), &request.name, port, rule).await {
                Ok(server) => server,
                Err(refusal) => return self.refuse(&mut client, &refusal).await,
            };
            match self.pass_on(&mut client, server, &request).await {
                Passed::Next(server) => kept = Some(server),
                Passed::End => {
                    client.part_with(b"").await;
                    return None;
                }
                Passed::Switched(server) => {
                    let spliced = splice(client.join(), server.ends.join(), IDLE, &self.limits.pipes).await;
                    self.closed(&server.way, spliced.sent, spliced.received);
                    return None;
                }
            }
        }
    }

    /// Reads a head; `None` if the client goes away.
    async fn request<S>(&self, client: &mut Ends<S>) -> Result<Option<Request>, Refusal>
    where
        S: Stream,
    {
        let _place = self.head_place().await?;
        match timeout(HEAD_TIME, lines::head(&mut client.read, HEAD)).await {
            Err(_) => Err(Refusal::TooSlow),
            Ok(Ok(Some(head))) => Request::read(&head).map(Some),
            Ok(Ok(None) | Err(Unread::Gone)) => Ok(None),
            Ok(Err(Unread::TooLarge)) => Err(Refusal::TooLarge),
            Ok(Err(Unread::BareLineFeed)) => Err(Refusal::Malformed("a line that ends in LF alone")),
        }
    }

    /// The port that a request is for, and the rule that allows it.
    fn judge(&self, request: &Request, port: u16, opened: Option<&HostName>) -> Result<(u16, String), Refusal> {
        is_same(opened.cloned(), &request.name)?;
        let asked = match (request.kind, request.port) {
            (Kind::Tunnel, _) if opened.is_some() => return Err(Refusal::Malformed("a tunnel in a tunnel")),
            (_, Some(asked)) if opened.is_some() && asked != port => {
                return Err(Refusal::Malformed("a port that the tunnel was not opened for"));
            }
            (_, asked) => asked.unwrap_or(port),
        };
        self.rule(&request.name, asked).map(|rule| (asked, rule))
    }

    /// The connection for a request: the one of the request before, if that led to the same place.
    async fn server(
        &self,
        kept: Option<Server<D::Stream>>,
        name: &HostName,
        port: u16,
        rule: String,
    ) -> Result<Server<D::Stream>, Refusal> {
        match kept {
            Some(kept) if kept.way.name() == name && kept.port == port && self.is_reachable(&kept.way) => {
                let way = self.opened(name, kept.way.address(), rule);
                Ok(Server { way, kept: true, ..kept })
            }
            _ => {
                let opened = self.open(name, port).await?;
                Ok(Server { ends: Ends::new(opened.stream), port, way: opened.way, kept: false })
            }
        }
    }

    /// Whether an address that passed may still be talked to.
    fn is_reachable(&self, way: &Way) -> bool {
        may_lead(&self.reach.borrow(), way.name(), way.address()).is_ok()
    }

    async fn pass_on<S>(
        &self,
        client: &mut Ends<S>,
        mut server: Server<D::Stream>,
        request: &Request,
    ) -> Passed<D::Stream>
    where
        S: Stream,
    {
        let exchanged = exchange(client, &mut server.ends, request).await;
        if exchanged.after == After::Switched {
            return Passed::Switched(server);
        }
        self.closed(&server.way, exchanged.sent, exchanged.received);
        match exchanged.after {
            After::Next => Passed::Next(server),
            After::End | After::Switched => Passed::End,
            // it was about to close anyway: the client sees what it would see without us, and tries again by itself
            After::Unanswered if server.kept => Passed::End,
            After::Unanswered => {
                let refusal = Refusal::Unreachable { name: request.name.clone(), port: server.port };
                let _ = self.answer(client, &refusal, false).await;
                Passed::End
            }
        }
    }

    /// Opens a tunnel. On a port that is neither HTTP's nor TLS's it is joined here; a rule has listed that very port, or
    /// all of them.
    async fn tunnel<S>(&self, mut client: Ends<S>, name: HostName, port: u16) -> Option<Tunnel<S>>
    where
        S: Stream,
    {
        const READY: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
        if port == 443 || port == 80 {
            within(client.write.write_all(READY)).await.ok()?;
            return Some(Tunnel { client, name, port });
        }
        let opened = match self.open(&name, port).await {
            Ok(opened) => opened,
            Err(refusal) => return self.refuse(&mut client, &refusal).await,
        };
        let spliced = match within(client.write.write_all(READY)).await {
            Ok(()) => splice(client.join(), (Vec::new(), opened.stream), IDLE, &self.limits.pipes).await,
            Err(_) => Spliced::default(),
        };
        self.closed(&opened.way, spliced.sent, spliced.received);
        None
    }

    /// Answers with a refusal, which is the last thing that the connection carries.
    async fn refuse<S>(&self, client: &mut Ends<S>, refusal: &Refusal) -> Option<Tunnel<S>>
    where
        S: Stream,
    {
        self.answer(client, refusal, false).await.ok()?;
        client.part_with(b"").await;
        None
    }

    async fn answer<S>(&self, client: &mut Ends<S>, refusal: &Refusal, keeps: bool) -> io::Result<()>
    where
        S: Stream,
    {
        let body = self.refused(refusal);
        let connection = if keeps { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.told(refusal).status(),
            body.len(),
        );
        within(client.write.write_all((head + &body).as_bytes())).await
    }
}

/// Whether the connection of a request that is refused can carry another.
fn may_go_on(request: &Request) -> bool {
    request.keeps && request.framing == Framing::Empty && request.kind != Kind::Tunnel
}

/// What comes after a request.
enum Passed<S> {
    Next(Server<S>),
    End,
    Switched(Server<S>),
}

/// Waits for the next request; whether there is one. A server that goes away meanwhile is no longer kept.
async fn wait<C, S>(client: &mut Ends<C>, kept: &mut Option<Server<S>>) -> io::Result<bool>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let more = async {
        if let Some(server) = kept {
            tokio::select! {
                biased;
                // a server has nothing to say before the next request: what it says is its end
                _ = server.ends.read.fill_buf() => {}
                more = client.read.fill_buf() => return more.map(|bytes| !bytes.is_empty()),
            }
            *kept = None;
        }
        client.read.fill_buf().await.map(|bytes| !bytes.is_empty())
    };
    within(more).await
}
