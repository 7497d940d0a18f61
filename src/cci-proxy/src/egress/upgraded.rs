//! Two connections that have gone over to web sockets, joined: what comes back is scrubbed on its way.

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::Frames;
use crate::scrub::{HELD, Scrub};

/// As much as is read at once.
const PIECE: usize = 16 * 1024;

/// Joins them to their ends.
pub(super) async fn join(client: OnUpgrade, server: OnUpgrade, scrub: Scrub) {
    let Ok((client, server)) = tokio::try_join!(client, server) else { return };
    let (mut from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_server, mut to_server) = tokio::io::split(TokioIo::new(server));
    let out = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    // either direction may end before the other; one that breaks ends both
    let _ = tokio::try_join!(out, back(from_server, to_client, scrub));
}

async fn back(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, scrub: Scrub) -> io::Result<()> {
    let mut frames = Frames::new(scrub);
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece);
        let read = if frames.is_holding() { timeout(HELD, read).await.ok() } else { Some(read.await) };
        let (out, is_end) = match read.transpose()? {
            None => (frames.let_go(), false),
            Some(0) => (frames.let_go(), true),
            Some(count) => (frames.next(&piece[..count])?, false),
        };
        to.write_all(&out).await?;
        to.flush().await?;
        if is_end {
            return to.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_is_scrubbed_and_no_message_waits_for_the_next() {
        let ((mut server, from), (to, mut client)) = (duplex(100), duplex(100));
        let back = tokio::spawn(back(from, to, Scrub::new(&["secret".to_owned()])));
        // the first part of a message
        server.write_all(b"\x01\x0fa secret, and s").await.unwrap();
        let mut read = [0; 17];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"\x01\x0fa ******, and s");
        drop(server);
        assert!(back.await.unwrap().is_ok() && client.read(&mut read).await.unwrap() == 0);
    }
}
