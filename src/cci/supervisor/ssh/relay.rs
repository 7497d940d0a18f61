//! One connection of a container to the agent: message by message, each judged first.

use std::io;
use std::path::Path;

use tokio::net::UnixStream;

use super::message::{self, FAILURE};

/// Passes messages on until the container closes the connection. The agent is connected to when the first one is for
/// it: one that was started again at its place meanwhile is found. An error says that it does not answer.
pub(super) async fn relay(mut guest: UnixStream, agent: &Path) -> io::Result<()> {
    let mut connected = None;
    // what the container does wrong ends its connection alone
    while let Ok(Some(asked)) = message::read(&mut guest).await {
        let answer = if message::is_allowed(&asked) {
            let agent = match &mut connected {
                Some(agent) => agent,
                None => connected.insert(UnixStream::connect(agent).await?),
            };
            answered(agent, &asked).await?
        } else {
            FAILURE.to_vec()
        };
        if message::write(&mut guest, &answer).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The agent's answer; its person may have to confirm it first, so it may take any time.
async fn answered(agent: &mut UnixStream, asked: &[u8]) -> io::Result<Vec<u8>> {
    message::write(agent, asked).await?;
    message::read(agent).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// An agent that answers each message with its kind and one more byte, and counts nothing else.
    async fn echo(listener: UnixListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Ok(Some(asked)) = message::read(&mut stream).await {
                message::write(&mut stream, &[asked[0], 0]).await.unwrap();
            }
        }
    }

    async fn asked(guest: &mut UnixStream, message: &[u8]) -> Option<Vec<u8>> {
        message::write(guest, message).await.unwrap();
        message::read(guest).await.unwrap()
    }

    #[tokio::test]
    async fn what_may_go_to_the_agent_goes_there_and_everything_else_fails() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let (mut guest, own) = UnixStream::pair().unwrap();
        let relayed = relay(own, &path);
        let test = async {
            assert_eq!(asked(&mut guest, &[19]).await.unwrap(), FAILURE, "without an agent too");
            let listener = UnixListener::bind(&path).unwrap();
            let served = async {
                assert_eq!(asked(&mut guest, &[11]).await.unwrap(), [11, 0]);
                assert_eq!(asked(&mut guest, &[17, 1]).await.unwrap(), FAILURE);
                assert_eq!(asked(&mut guest, &[13, 1]).await.unwrap(), [13, 0]);
            };
            tokio::select! { () = echo(listener) => {}, () = served => {} }
            drop(guest);
        };
        let (relayed, ()) = tokio::join!(relayed, test);
        relayed.unwrap();
    }

    #[tokio::test]
    async fn an_agent_that_was_started_again_is_found_and_one_that_is_gone_ends_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        for _ in 0..2 {
            let listener = UnixListener::bind(&path).unwrap();
            let (mut guest, own) = UnixStream::pair().unwrap();
            let served = async {
                assert_eq!(asked(&mut guest, &[11]).await.unwrap(), [11, 0]);
                drop(guest);
            };
            let relayed = async { tokio::join!(relay(own, &path), served).0 };
            tokio::select! { () = echo(listener) => {}, relayed = relayed => relayed.unwrap() }
            std::fs::remove_file(&path).unwrap();
        }
        let (mut guest, own) = UnixStream::pair().unwrap();
        let (relayed, answer) = tokio::join!(relay(own, &path), asked(&mut guest, &[11]));
        assert!(relayed.is_err() && answer.is_none());
    }
}
