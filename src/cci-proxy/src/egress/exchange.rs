//! One request and its answer.

use std::pin::pin;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt};

use super::answer::Head;
use super::body::{Framing, relay, within};
use super::ends::Ends;
use super::head::{Kind, Request};
use super::limits::HEAD;
use super::lines;
use super::splice::Broken;

/// What comes after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Another request may follow on both connections.
    Next,
    /// The connection ends.
    End,
    /// Both go on in another protocol.
    Switched,
    /// The server went away before it said anything.
    Unanswered,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exchanged {
    pub(super) after: After,
    /// The bytes of the request's and the answer's body.
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// So many answers may come before the one that counts.
const INTERIM: usize = 32;

/// Sends a request on and its answer back, at the same time: a server may answer before the request has ended.
pub(super) async fn exchange<C, S>(client: &mut Ends<C>, server: &mut Ends<S>, request: &Request) -> Exchanged
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut outward = pin!(send(&mut client.read, &mut server.write, request));
    let mut back = pin!(receive(&mut server.read, &mut client.write, request));
    let mut sent = None;
    loop {
        tokio::select! {
            biased;
            // first, so that an answer to a request that is whole finds it whole
            done = &mut outward, if sent.is_none() => match done {
                // what the client sends makes no sense any more: no server gets to guess
                Err(Broken::From) => return Exchanged { after: After::End, sent: 0, received: 0 },
                done => sent = Some(done),
            },
            received = &mut back => return ended(request, sent, &received),
        }
    }
}

fn ended(request: &Request, sent: Option<Result<u64, Broken>>, received: &Received) -> Exchanged {
    let is_whole = matches!(sent, Some(Ok(_)));
    let sent = sent.and_then(Result::ok).unwrap_or_default();
    let (after, received) = match *received {
        Received::Nothing => (After::Unanswered, 0),
        Received::Switched if is_whole => (After::Switched, 0),
        // what is left of the request would be taken for the new protocol
        Received::Broken | Received::Switched => (After::End, 0),
        Received::Whole { keeps, received } if keeps && request.keeps && is_whole => (After::Next, received),
        Received::Whole { received, .. } => (After::End, received),
    };
    Exchanged { after, sent, received }
}

async fn send<R, W>(client: &mut R, server: &mut W, request: &Request) -> Result<u64, Broken>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    within(server.write_all(request.passed_on())).await.map_err(|_| Broken::To)?;
    relay(request.framing, client, server).await
}

enum Received {
    Nothing,
    Broken,
    Switched,
    Whole { keeps: bool, received: u64 },
}

async fn receive<R, W>(server: &mut R, client: &mut W, request: &Request) -> Received
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    for before in 0..INTERIM {
        let head = within(lines::head(server, HEAD)).await;
        let read = match &head {
            Ok(Some(head)) => Head::read(head, request.head_only),
            _ => None,
        };
        let (Ok(Some(head)), Some(read)) = (head, read) else {
            return if before == 0 { Received::Nothing } else { Received::Broken };
        };
        let switched = read.status == 101;
        if switched && request.kind != Kind::Upgrade {
            return Received::Nothing;
        }
        if within(client.write_all(&head)).await.is_err() {
            return Received::Broken;
        }
        if switched {
            return Received::Switched;
        }
        if read.is_interim() {
            continue;
        }
        return match relay(read.framing, server, client).await {
            Ok(received) => Received::Whole { keeps: read.keeps && read.framing != Framing::ToEnd, received },
            Err(_) => Received::Broken,
        };
    }
    Received::Broken
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    /// What comes after an upgrade with a body of five bytes, of which so much was sent when the server agreed.
    async fn upgraded(body: &[u8]) -> After {
        let ((mut client, inner), (outer, mut server)) = (duplex(1000), duplex(1000));
        let head =
            b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n";
        let request = Request::read(head).unwrap();
        client.write_all(body).await.unwrap();
        let exchanged =
            tokio::spawn(async move { exchange(&mut Ends::new(inner), &mut Ends::new(outer), &request).await.after });
        server.read_exact(&mut vec![0; head.len() + body.len()]).await.unwrap();
        server.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await.unwrap();
        exchanged.await.unwrap()
    }

    #[tokio::test]
    async fn a_protocol_is_gone_over_to_once_the_request_is_whole() {
        assert_eq!(upgraded(b"12345").await, After::Switched);
        assert_eq!(upgraded(b"12").await, After::End);
    }
}
