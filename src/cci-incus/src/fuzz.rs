//! Fuzz targets: what this crate does with bytes that it did not write, without a daemon.

use std::io::Cursor;

use russh_sftp::client::SftpSession;
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use crate::{
    Acl, Image, Instance, Network, OperationInfo, event,
    exec::Stdout,
    reply::Reply,
    transport::Upgraded,
    websocket::{Shared, config},
};

/// An answer of the API, parsed as each object that cci asks for.
pub fn reply(bytes: &[u8]) {
    let Ok(Reply::Sync { metadata } | Reply::Async { metadata }) = Reply::parse(bytes) else { return };
    let text = metadata.get();
    let _ = serde_json::from_str::<OperationInfo>(text);
    let _ = serde_json::from_str::<Vec<Instance>>(text);
    let _ = serde_json::from_str::<Image>(text);
    let _ = serde_json::from_str::<Network>(text);
    let _ = serde_json::from_str::<Acl>(text);
}

/// A message of the event stream.
pub fn event(bytes: &[u8]) {
    if let Ok(event) = event::parse(bytes)
        && let event::EventBody::Lifecycle(lifecycle) = event.body
    {
        let _ = lifecycle.instance();
    }
}

/// What arrives on the websocket of a command's output, on pipes and on a terminal.
pub fn frames(bytes: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    for terminal in [false, true] {
        runtime.block_on(async {
            let connection = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
            let connection: Upgraded = Box::pin(connection);
            let socket = WebSocketStream::from_raw_socket(connection, Role::Client, Some(config(4096))).await;
            let shared = Shared::new(socket);
            let mut output = if terminal { Stdout::terminal(shared) } else { Stdout::pipe(shared) };
            let mut read = Vec::new();
            // its result is up to the socket; the test is that it ends
            let _ = output.read_to_end(&mut read).await;
        });
    }
}

/// The answers of the SFTP server of an instance to the requests of a copy.
pub fn sftp(bytes: &[u8]) {
    // paused: the time limit of a missing answer passes at once
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build() else {
        return;
    };
    runtime.block_on(async {
        let connection = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
        let Ok(session) = SftpSession::new(connection).await else { return };
        let _ = session.symlink_metadata("/workspace").await;
        if let Ok(entries) = session.read_dir("/workspace").await {
            let _ = entries.map(|entry| entry.file_name().len()).sum::<usize>();
        }
        let _ = session.read("/workspace/file").await;
        let _ = session.read_link("/workspace/link").await;
    });
}
