//! Commands with a scripted answer, and their websockets.

use cci_incus_types::OperationKind;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{
    call::{Call, Reply},
    script::Answer,
    state::State,
};
use crate::transport::Upgraded;

/// What a websocket sends.
#[derive(Debug)]
pub(super) enum Feed {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// Nothing, and the connection ends.
    Cut,
    /// Nothing: input is discarded.
    Silence,
    /// Events, until the client closes.
    Events(broadcast::Receiver<String>),
}

impl State {
    pub(super) fn exec(&mut self, call: &Call, name: &str, path: &str) -> Reply {
        let Some(instance) = self.objects.get(path) else { return Reply::not_found() };
        if instance["status_code"] != 103 {
            return Reply::Error(400, "Instance is not running".into());
        }
        let answer = self.answer_to(&call.body["command"]);
        let mut metadata = json!({"return": if call.failure.is_some() { -1 } else { i32::from(answer.status) }});
        if call.body["wait-for-websocket"] == true {
            metadata["fds"] = json!({"0": "stdin", "control": "control"});
            if call.body["interactive"] != true {
                (metadata["fds"]["1"], metadata["fds"]["2"]) = (json!("stdout"), json!("stderr"));
            }
        }
        if let Some(failure) = call.failure.clone() {
            let Reply::Async(mut info) = self.operation(OperationKind::Executing, Some(name), Err(failure)) else {
                return Reply::not_found();
            };
            // its sockets end without a word
            info["metadata"] = metadata.clone();
            self.describe(metadata);
            return Reply::Async(info);
        }
        // found again by the operation's sockets
        metadata["stdout"] = json!(answer.stdout);
        metadata["stderr"] = json!(answer.stderr);
        self.operation(OperationKind::Executing, Some(name), Ok(metadata))
    }

    fn answer_to(&self, command: &Value) -> Answer {
        let argv: Vec<&str> = command.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let found = self.answers.iter().find(|(word, _)| argv.contains(&word.as_str()));
        found.map(|(_, answer)| answer.clone()).unwrap_or_default()
    }

    /// What a command's socket with this secret sends.
    pub(super) fn feed(&self, operation: &str, secret: &str) -> Option<Feed> {
        let (info, _) = self.operations.get(operation)?;
        let metadata = &info["metadata"];
        let is_terminal = metadata["fds"].get("1").is_none();
        let bytes = |key: &str| match metadata.get(key) {
            Some(bytes) => serde_json::from_value(bytes.clone()).ok().map(Feed::Bytes),
            None => Some(Feed::Cut),
        };
        match secret {
            "stdin" if is_terminal => bytes("stdout"),
            "stdin" | "control" => Some(Feed::Silence),
            other => bytes(other),
        }
    }
}

/// Serves one websocket to its end.
pub(super) async fn serve(mut socket: WebSocketStream<Upgraded>, feed: Feed) {
    match feed {
        Feed::Bytes(bytes) => {
            // a client that is gone does not need them
            let _ = socket.send(Message::binary(bytes)).await;
            let _ = socket.send(Message::text("")).await;
        }
        Feed::Cut => return,
        Feed::Silence => {}
        Feed::Events(mut events) => {
            while let Ok(event) = events.recv().await {
                if socket.send(Message::text(event)).await.is_err() {
                    return;
                }
            }
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}
