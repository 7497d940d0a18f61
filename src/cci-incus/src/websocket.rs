//! Websockets of the API: the handshake over our own connections, and one socket shared by two halves.

mod read_to_end;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::{Sink as _, Stream as _};
use hyper::http::header;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use self::read_to_end::ReadToEnd;
use crate::{
    client::Client,
    error::{Error, Result},
    request::Request,
    transport::Upgraded,
};

/// A connected websocket.
pub(crate) type Socket = WebSocketStream<Upgraded>;

/// Larger than any message of the server: refused rather than held in memory.
const LARGEST_MESSAGE: usize = 16 << 20;

/// Opens a websocket; `buffer` is how many bytes are read at once.
pub(crate) async fn connect(client: &Client, request: Request, buffer: usize) -> Result<Socket> {
    let connection = upgraded(client, request).await?;
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config(buffer))).await)
}

/// Opens one for reading: it is read to its end even after the server closed it.
pub(crate) async fn connect_output(client: &Client, request: Request, buffer: usize) -> Result<Shared> {
    Ok(output(upgraded(client, request).await?, config(buffer)).await)
}

/// The websocket on such a connection.
pub(crate) async fn output(connection: Upgraded, config: WebSocketConfig) -> Shared {
    let connection: Upgraded = Box::pin(ReadToEnd(connection));
    Shared::new(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
}

async fn upgraded(client: &Client, request: Request) -> Result<Upgraded> {
    let key = generate_key();
    let request = request
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", key.clone());
    let (headers, connection) = client.upgrade(&request).await?;
    let accepted =
        headers.get(header::SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| *accept == derive_accept_key(key.as_bytes()));
    if !accepted {
        return Err(Error::protocol(&request.what, "the websocket's handshake has a wrong key"));
    }
    Ok(connection)
}

/// The configuration of our websockets.
pub(crate) fn config(buffer: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(0)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
}

/// A socket that is read and written from different tasks. The lock is held for one poll, never across a wait.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Socket>>);

impl Shared {
    pub(crate) fn new(socket: Socket) -> Self {
        Self(Arc::new(Mutex::new(socket)))
    }

    /// The next message; pings are answered meanwhile.
    pub(crate) fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, SocketError>>> {
        self.with(|socket| socket.poll_next(cx))
    }

    /// Accepts a message once everything before it was sent, so that at most one is buffered.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        message: impl FnOnce() -> Message,
    ) -> Poll<Result<(), SocketError>> {
        self.with(|mut socket| {
            std::task::ready!(socket.as_mut().poll_flush(cx))?;
            std::task::ready!(socket.as_mut().poll_ready(cx))?;
            socket.as_mut().start_send(message())?;
            // a first attempt; the rest is sent by the next flush
            match socket.poll_flush(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            }
        })
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.with(|socket| socket.poll_flush(cx))
    }

    /// Sends a close frame; the connection itself ends when both halves are dropped.
    pub(crate) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.with(|socket| socket.poll_close(cx))
    }

    fn with<T>(&self, work: impl FnOnce(Pin<&mut Socket>) -> T) -> T {
        // a panic in another half leaves the socket usable
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(Pin::new(&mut socket))
    }
}
