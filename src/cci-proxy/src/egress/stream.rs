//! What a connection's bytes come from and go to.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// One side of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket, if its bytes are those of the stream: the kernel can move them by itself.
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }
}

impl Stream for TcpStream {
    fn tcp(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

#[cfg(test)]
impl Stream for tokio::io::DuplexStream {}
