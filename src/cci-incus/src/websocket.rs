//! A websocket over a connection that the server hands over.

use futures_util::StreamExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::request::Request;
use crate::transport::Stream;

/// A connected websocket.
pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

/// How much is gathered before it goes to the wire, and how much may wait there.
const BUFFER: usize = 256 * 1024;

/// Turns a `GET` into a websocket.
pub(crate) async fn connect(client: &Client, request: Request) -> Result<Socket> {
    let (call, key) = (request.call(), generate_key());
    let request = request
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", key.clone());
    let (headers, stream) = client.upgrade(request).await?;
    let accepted = headers.get("sec-websocket-accept").and_then(|value| value.to_str().ok());
    if accepted != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(Error::Protocol { call, problem: "the websocket handshake does not fit".into() });
    }
    let config =
        WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0).max_write_buffer_size(4 * BUFFER);
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

/// Reads a socket only to answer its pings, until it ends.
pub(crate) async fn answer_pings(mut reading: futures_util::stream::SplitStream<Socket>) {
    while let Some(Ok(_)) = reading.next().await {}
}
