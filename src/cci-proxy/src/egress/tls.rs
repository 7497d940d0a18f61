//! A connection of TLS: its hello is read, and then every byte passed on as it came.

use cci_core::network::HostName;
use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;

use super::alert::alert;
use super::connection::Egress;
use super::dial::Dial;
use super::ends::Ends;
use super::hello::{Hello, HelloReader};
use super::limits::{HEAD_TIME, IDLE};
use super::note::Notes;
use super::refusal::Refusal;
use super::resolve::Resolve;
use super::splice::splice;
use super::stream::Stream;

impl<R, D, N> Egress<R, D, N>
where
    R: Resolve + Sync,
    D: Dial + Sync,
    N: Notes,
{
    pub(super) async fn tls<S>(&self, mut client: Ends<S>, port: u16, opened: Option<HostName>)
    where
        S: Stream,
    {
        let mut reader = HelloReader::default();
        let way = match self.hello(&mut client, &mut reader).await {
            Ok(None) => return,
            Ok(Some(hello)) => match is_same(opened, &hello.name) {
                Ok(()) => self.open(&hello.name, port).await,
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        match way {
            Ok(opened) => {
                let (early, stream) = client.join();
                let early = [reader.into_bytes(), early].concat();
                let spliced = splice((early, stream), (Vec::new(), opened.stream), IDLE).await;
                self.closed(&opened.way, spliced.sent, spliced.received);
            }
            Err(refusal) => {
                self.refused(&refusal);
                if let Some(alert) = alert(&refusal) {
                    client.part_with(&alert).await;
                }
            }
        }
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
