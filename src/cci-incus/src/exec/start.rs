//! Starting a command: the request, and its sockets connected before Incus gives up on them.

use std::time::{Duration, Instant};

use futures_util::future::{OptionFuture, try_join3};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{Control, Exec, Process, Stderr, Stdin, Stdout, input::Kind, process};
use crate::{
    client::Client,
    error::{Error, Result},
    operation::Operation,
    request::Request,
    websocket::{self, Shared},
};

/// Incus cancels a command whose sockets are not all connected after ten seconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long to retry a command that does not start: a booting container accepts none for a moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes read at once from a data socket, each time into cleared memory.
const DATA_BUFFER: usize = 32 * 1024;
/// Bytes read at once from a socket that only receives pings.
const QUIET_BUFFER: usize = 1024;

/// The secrets of a command's sockets.
#[derive(Deserialize)]
struct Sockets {
    fds: Secrets,
}

#[derive(Deserialize)]
struct Secrets {
    control: String,
    #[serde(rename = "0")]
    stdin: String,
    #[serde(rename = "1")]
    stdout: Option<String>,
    #[serde(rename = "2")]
    stderr: Option<String>,
}

impl Client {
    /// Starts a command with its streams connected (`POST /1.0/instances/NAME/exec`).
    pub async fn exec(&self, name: &str, exec: &Exec) -> Result<Process> {
        let request = request(name, exec, true);
        let operation = self.start(&request).await?;
        timeout(CONNECT_LIMIT, connect(self, &request.what, operation))
            .await
            .unwrap_or_else(|_| Err(Error::TimedOut { step: request.what, after: CONNECT_LIMIT, still_running: false }))
    }

    /// Runs a command whose output is not needed and returns its exit status: the fastest way.
    ///
    /// It has no input. After the limit it keeps running: Incus cannot cancel it.
    pub async fn exec_detached(&self, name: &str, exec: &Exec, limit: Duration) -> Result<i32> {
        let request = request(name, &Exec { tty: None, ..exec.clone() }, false);
        let run = async || process::exit_status(self.start(&request).await?).await;
        timeout(limit, until_it_runs(run))
            .await
            .unwrap_or_else(|_| Err(Error::TimedOut { step: request.what.clone(), after: limit, still_running: true }))
    }
}

/// Restarts a command that Incus gave up before it ran, as it sometimes does under load and while a container boots.
///
/// `run` fails with [`Error::NotRun`] then, which [`Process::wait`] says of a process whose streams broke at once.
pub async fn until_it_runs<T>(mut run: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match run().await {
            Err(error) if error.is_not_run() && Instant::now() < end => tracing::info!(%error, "starting it again"),
            done => return done,
        }
    }
}

/// The control socket first, then the others concurrently.
async fn connect(client: &Client, what: &str, operation: Operation) -> Result<Process> {
    let secrets = Sockets::deserialize(&operation.info().metadata).map_err(|source| Error::protocol(what, source))?.fds;
    let open = async |secret: &str, buffer| {
        let request = websocket_request(operation.id(), secret, what);
        websocket::connect(client, request, buffer).await.map(Shared::new)
    };
    let control = open(&secrets.control, QUIET_BUFFER).await?;
    let output =
        |secret: &str| websocket::connect_output(client, websocket_request(operation.id(), secret, what), DATA_BUFFER);
    let optional = async |secret: Option<&str>| OptionFuture::from(secret.map(output)).await.transpose();
    let input_buffer = if secrets.stdout.is_some() { QUIET_BUFFER } else { DATA_BUFFER };
    let (stdin, stdout, stderr) = try_join3(
        open(&secrets.stdin, input_buffer),
        optional(secrets.stdout.as_deref()),
        optional(secrets.stderr.as_deref()),
    )
    .await?;
    let (stdin, stdout) = match stdout {
        Some(stdout) => (Stdin::new(stdin, Kind::Pipe), Stdout::pipe(stdout)),
        None => (Stdin::new(stdin.clone(), Kind::Terminal), Stdout::terminal(stdin)),
    };
    Ok(Process::new(stdin, stdout, stderr.map(Stderr::pipe), Control::new(control), operation))
}

fn request(name: &str, exec: &Exec, connected: bool) -> Request {
    let program = exec.command.first().map_or("nothing", String::as_str);
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    set("command", json!(exec.command));
    set("environment", json!(exec.environment));
    set("wait-for-websocket", json!(connected));
    set("interactive", json!(exec.tty.is_some()));
    if let Some(size) = exec.tty {
        set("width", json!(size.cols));
        set("height", json!(size.rows));
    }
    if let Some(cwd) = &exec.cwd {
        set("cwd", json!(cwd));
    }
    if let Some(user) = exec.user {
        set("user", json!(user));
    }
    if let Some(group) = exec.group {
        set("group", json!(group));
    }
    Request::post(["instances", name, "exec"], format!("run {program} in instance {name}")).json(&body)
}

fn websocket_request(operation: &str, secret: &str, what: &str) -> Request {
    Request::get(["operations", operation, "websocket"], what).with("secret", secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::TermSize;

    fn body(exec: &Exec, connected: bool) -> Value {
        request("c1", exec, connected).body.object()
    }

    #[test]
    fn a_command_goes_as_arguments() {
        assert_eq!(
            body(&Exec::new(["echo", "$HOME; x"]), true),
            json!({"command": ["echo", "$HOME; x"], "environment": {}, "wait-for-websocket": true, "interactive": false})
        );
    }

    #[test]
    fn a_terminal_has_a_size_and_a_user_is_a_number() {
        let mut exec = Exec::new(["bash"]);
        exec.tty = Some(TermSize { cols: 80, rows: 24 });
        (exec.user, exec.group, exec.cwd) = (Some(1000), Some(1000), Some("/workspace".into()));
        exec.environment.insert("A".into(), "b c".into());
        assert_eq!(
            body(&exec, true),
            json!({"command": ["bash"], "environment": {"A": "b c"}, "wait-for-websocket": true, "interactive": true,
                "width": 80, "height": 24, "cwd": "/workspace", "user": 1000, "group": 1000})
        );
    }

    #[test]
    fn a_terminal_has_one_data_socket_and_pipes_have_three() {
        let read = |text| Sockets::deserialize(&serde_json::from_str::<Value>(text).unwrap()).unwrap().fds;
        assert!(read(r#"{"fds":{"0":"a","control":"c"}}"#).stdout.is_none());
        assert_eq!(read(r#"{"fds":{"0":"a","1":"b","2":"d","control":"c"}}"#).stderr.as_deref(), Some("d"));
    }
}
