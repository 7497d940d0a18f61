//! A connection of TLS: its hello is read, and then every byte passed on as it came, unless somebody carries secrets in it.

use cci_core::network::HostName;
use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;

use super::alert::alert;
use super::carry::Carry;
use super::connection::{Egress, Opened};
use super::dial::Dial;
use super::ended::Ended;
use super::ends::Ends;
use super::hello::{Hello, HelloReader};
use super::limits::{HEAD_TIME, IDLE};
use super::note::Notes;
use super::refusal::Refusal;
use super::replayed::Replayed;
use super::resolve::Resolve;
use super::splice::splice;
use super::stream::Stream;

impl<R: Resolve, D: Dial, N: Notes, C: Carry> Egress<R, D, N, C> {
    pub(super) async fn tls<S>(&self, mut client: Ends<S>, port: u16, opened: Option<HostName>)
    where
        S: Stream,
    {
        let mut reader = HelloReader::default();
        let way = match self.hello(&mut client, &mut reader).await {
            Ok(None) => return,
            Ok(Some(hello)) => self.found(hello, port, opened).await,
            Err(refusal) => Err(refusal),
        };
        match way {
            Ok((opened, ended)) => {
                let (early, stream) = client.join();
                let early = [reader.into_bytes(), early].concat();
                if let Some(ended) = ended {
                    // on the heap, as few are
                    return Box::pin(self.ended(Replayed::new(early, stream), opened, port, ended)).await;
                }
                let (client, server) = ((early, stream), (Vec::new(), opened.stream));
                let spliced = splice(client, server, IDLE, &self.limits.pipes).await;
                self.closed(&opened.way, spliced.sent, spliced.received);
            }
            Err(refusal) => {
                self.refused(&refusal);
                if let Some(alert) = alert(&self.told(&refusal)) {
                    client.part_with(&alert).await;
                }
            }
        }
    }

    /// Opens the way to the name of a hello, and finds out whether TLS is ended on it.
    async fn found(
        &self,
        hello: Hello,
        port: u16,
        opened: Option<HostName>,
    ) -> Result<(Opened<D::Stream>, Option<Ended>), Refusal> {
        let Hello { name, protocols } = hello;
        is_same(opened, &name)?;
        self.rule(&name, port)?;
        let Some(ending) = self.carrier.ending(&name, port).await else {
            return Ok((self.open(&name, port).await?, None));
        };
        let place = self.limits.ended()?;
        let opened = self.open_for(&name, port, ending.secrets.clone()).await?;
        Ok((opened, Some(Ended { ending, protocols, place })))
    }

    /// Reads the hello; `None` if the client goes away before it has said it.
    async fn hello<S>(&self, client: &mut Ends<S>, reader: &mut HelloReader) -> Result<Option<Hello>, Refusal>
    where
        S: Stream,
    {
        let _place = self.head_place().await?;
        let read = async {
            loop {
                let piece = match client.read.fill_buf().await {
                    Ok(piece) if !piece.is_empty() => piece,
                    _ => return Ok(None),
                };
                let hello = reader.push(piece)?;
                let count = piece.len();
                client.read.consume(count);
                if hello.is_some() {
                    return Ok(hello);
                }
            }
        };
        timeout(HEAD_TIME, read).await.unwrap_or(Err(Refusal::TooSlow))
    }
}

/// Whether a name is the one that a tunnel was opened for.
pub(super) fn is_same(opened: Option<HostName>, asked: &HostName) -> Result<(), Refusal> {
    match opened {
        Some(opened) if opened != *asked => Err(Refusal::OtherName { opened, asked: asked.clone() }),
        _ => Ok(()),
    }
}
