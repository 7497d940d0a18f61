//! A connection's two directions, read through a buffer.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};

/// Both directions of a connection.
pub(super) struct Ends<S> {
    pub(super) read: BufReader<ReadHalf<S>>,
    pub(super) write: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ends<S> {
    pub(super) fn new(stream: S) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { read: BufReader::with_capacity(8 * 1024, read), write }
    }

    /// The connection as it was, and what has been read of it but not used.
    pub(super) fn join(self) -> (Vec<u8>, S) {
        let early = self.read.buffer().to_vec();
        (early, self.read.into_inner().unsplit(self.write))
    }

    /// Says the last word: it arrives although the client may still be sending, which a plain close would answer with a
    /// reset that overtakes it.
    pub(super) async fn part_with(&mut self, word: &[u8]) {
        const LINGER: std::time::Duration = std::time::Duration::from_secs(1);
        const LISTEN: u64 = 256 * 1024;
        let part = async {
            self.write.write_all(word).await?;
            self.write.shutdown().await?;
            tokio::io::copy(&mut (&mut self.read).take(LISTEN), &mut tokio::io::sink()).await
        };
        // whoever does not listen has not been told
        let _ = tokio::time::timeout(LINGER, part).await;
    }
}
