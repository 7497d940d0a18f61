//! A connection from its first byte to its end: found to be TLS or HTTP, and served as such.

use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;

use super::carry::Carry;
use super::connection::Egress;
use super::dial::Dial;
use super::ends::Ends;
use super::http::Tunnel;
use super::limits::SILENCE;
use super::note::{Note, Notes};
use super::refusal::Refusal;
use super::resolve::Resolve;
use super::stream::Stream;

/// The first byte of a connection of TLS: a record of the handshake.
const HANDSHAKE: u8 = 22;

impl<R: Resolve, D: Dial, N: Notes, C: Carry> Egress<R, D, N, C> {
    /// Serves a connection that the container opened to this port, to its end.
    pub async fn serve<S>(&self, stream: S, port: u16)
    where
        S: Stream,
    {
        let _place = match self.limits.connection() {
            Ok(place) => place,
            Err(refusal) => return self.notes.note(Note::Refused(refusal)),
        };
        let (mut client, mut port, mut opened) = (Ends::new(stream), port, None);
        loop {
            let first = match timeout(SILENCE, client.read.fill_buf()).await {
                Ok(Ok(bytes)) => bytes.first().copied(),
                Ok(Err(_)) => None,
                Err(_) => return self.notes.note(Note::Refused(Refusal::TooSlow)),
            };
            match first {
                None => return,
                Some(HANDSHAKE) => return self.tls(client, port, opened).await,
                Some(_) => match self.http(client, port, opened).await {
                    None => return,
                    // what goes through a tunnel is judged as if it came without one
                    Some(Tunnel { client: through, name, port: to }) => {
                        (client, port, opened) = (through, to, Some(name));
                    }
                },
            }
        }
    }
}
