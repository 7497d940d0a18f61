//! Commands in an instance: `POST /1.0/instances/<name>/exec`, with a websocket for each stream.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, Stream as _, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, at};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::request::{Method, Request, escape};
use crate::websocket::{self, Socket};

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermSize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// A command to run.
#[derive(Debug, Clone, Default)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, on top of the instance's.
    pub environment: BTreeMap<String, String>,
    /// Its directory; a missing one is not reported, the command then runs elsewhere.
    pub cwd: Option<String>,
    /// The numeric user; root if absent.
    pub user: Option<u32>,
    /// The numeric group; root's if absent.
    pub group: Option<u32>,
    /// A terminal of this size, with stdout and stderr in one stream.
    pub tty: Option<TermSize>,
}

#[derive(Serialize)]
struct Post<'a> {
    command: &'a [String],
    environment: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    interactive: bool,
    width: u16,
    height: u16,
    #[serde(rename = "wait-for-websocket")]
    streams: bool,
    #[serde(rename = "record-output")]
    record: bool,
}

/// What a finished command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
    /// Its exit status; 128+N for signal N.
    pub status: i32,
}

/// A running command. Its streams and its control can be taken once each, to be used at the same time.
pub struct Process {
    stdin: Option<Stdin>,
    stdout: Option<Stdout>,
    stderr: Option<Stdout>,
    control: Option<Control>,
    status: JoinHandle<Result<i32>>,
    background: Vec<JoinHandle<()>>,
}

impl Client {
    /// Starts a command with its streams connected.
    pub async fn exec(&self, name: &str, exec: &Exec) -> Result<Process> {
        let operation = self.start(name, exec, true).await?;
        let secret = |fd: &str| {
            let path = format!("/1.0/operations/{}/websocket", operation.id());
            let secret = at(operation.metadata(), &["metadata", "fds", fd]).as_str().unwrap_or_default();
            websocket::connect(self, Request::get(path).with("secret", secret.to_owned()))
        };
        // the server begins when control and every stream are there, and gives them ten seconds
        let control = secret("control").await?;
        let mut process = if exec.tty.is_some() {
            Process::with_terminal(secret("0").await?)
        } else {
            let (stdin, stdout, stderr) = tokio::try_join!(secret("0"), secret("1"), secret("2"))?;
            Process::with_pipes(stdin, stdout, stderr)
        };
        process.steered_by(control);
        process.status = tokio::spawn(status(operation));
        Ok(process)
    }

    /// Runs a command to its end and keeps what it wrote; `stdin` is what it reads.
    pub async fn exec_captured(&self, name: &str, exec: &Exec, stdin: &[u8], limit: Duration) -> Result<Captured> {
        let whole = async {
            let mut process = self.exec(name, exec).await?;
            let (mut input, mut output) = (process.take_stdin(), process.take_stdout());
            let errors = process.take_stderr();
            let feed = async {
                // a command that does not read its input ends all the same
                let _ = input.write_all(stdin).await;
                let _ = input.shutdown().await;
            };
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let drain_errors = async {
                match errors {
                    Some(mut errors) => errors.read_to_end(&mut stderr).await,
                    None => Ok(0),
                }
            };
            let ((), read, read_errors) = tokio::join!(feed, output.read_to_end(&mut stdout), drain_errors);
            read.and(read_errors).map_err(|error| Error::Broken(error.into()))?;
            Ok(Captured { stdout, stderr, status: process.wait().await? })
        };
        tokio::time::timeout(limit, whole).await.unwrap_or_else(|_| Err(too_late(exec, limit)))
    }

    /// Runs a command whose output nobody wants: the quickest way to a status.
    pub async fn exec_detached(&self, name: &str, exec: &Exec, limit: Duration) -> Result<i32> {
        let operation = self.start(name, exec, false).await?;
        tokio::time::timeout(limit, status(operation)).await.unwrap_or_else(|_| Err(too_late(exec, limit)))
    }

    async fn start(&self, name: &str, exec: &Exec, streams: bool) -> Result<Operation> {
        let size = exec.tty.unwrap_or(TermSize { cols: 0, rows: 0 });
        let post = Post {
            command: &exec.command,
            environment: &exec.environment,
            cwd: exec.cwd.as_deref(),
            user: exec.user,
            group: exec.group,
            interactive: exec.tty.is_some(),
            width: size.cols,
            height: size.rows,
            streams,
            record: false,
        };
        let path = format!("/1.0/instances/{}/exec", escape(name));
        self.operation_of(Request::new(Method::POST, path).json(&post)).await
    }
}

fn too_late(exec: &Exec, after: Duration) -> Error {
    let step = exec.command.first().cloned().unwrap_or_default();
    Error::TimedOut { step, after, still_running: true }
}

/// The exit status; of a command that could not be started it is only in the operation, for about five seconds.
async fn status(operation: Operation) -> Result<i32> {
    const LONG: Duration = Duration::from_secs(365 * 24 * 3600);
    let of = |metadata: &Value| at(metadata, &["return"]).as_i64().and_then(|status| i32::try_from(status).ok());
    match operation.wait("the command", LONG).await {
        Ok(done) => of(&done.metadata).ok_or_else(|| Error::Protocol {
            call: "the command".into(),
            problem: "no exit status in the answer".into(),
        }),
        Err(failed @ Error::Failed { .. }) => {
            let view = operation.look().await;
            view.ok().and_then(|view| of(at(&view, &["metadata"]))).ok_or(failed)
        }
        Err(error) => Err(error),
    }
}

impl Process {
    fn with_terminal(socket: Socket) -> Self {
        let (sink, stream) = socket.split();
        let closing = Stdin::new(sink);
        Self::of(closing, Stdout::new(stream), None)
    }

    fn with_pipes(stdin: Socket, stdout: Socket, stderr: Socket) -> Self {
        let (sink, reading) = stdin.split();
        let mut process = Self::of(Stdin::new(sink), Stdout::whole(stdout), Some(Stdout::whole(stderr)));
        process.background.push(tokio::spawn(websocket::answer_pings(reading)));
        process
    }

    fn of(stdin: Stdin, stdout: Stdout, stderr: Option<Stdout>) -> Self {
        Self {
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr,
            control: None,
            status: tokio::spawn(async { Err(Error::Broken("not started".into())) }),
            background: Vec::new(),
        }
    }

    fn steered_by(&mut self, control: Socket) {
        let (sink, reading) = control.split();
        self.background.push(tokio::spawn(websocket::answer_pings(reading)));
        self.control = Some(Control { sink: Mutex::new(sink) });
    }

    /// What the command reads.
    ///
    /// # Panics
    /// If it was taken already.
    #[must_use]
    pub fn take_stdin(&mut self) -> Stdin {
        taken(self.stdin.take())
    }

    /// What it writes; with a terminal, all that it writes.
    ///
    /// # Panics
    /// If it was taken already.
    #[must_use]
    pub fn take_stdout(&mut self) -> Stdout {
        taken(self.stdout.take())
    }

    /// What it writes to standard error; `None` with a terminal.
    pub fn take_stderr(&mut self) -> Option<Stdout> {
        self.stderr.take()
    }

    /// Its control. Dropping it before the end kills the command (status 137).
    ///
    /// # Panics
    /// If it was taken already.
    #[must_use]
    pub fn take_control(&mut self) -> Control {
        taken(self.control.take())
    }

    /// Waits for its end; the exit status. Its output must be read meanwhile, or it may never end.
    pub async fn wait(mut self) -> Result<i32> {
        (&mut self.status).await.unwrap_or_else(|error| Err(Error::Broken(error.into())))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.status.abort();
        for task in &self.background {
            task.abort();
        }
    }
}

#[expect(clippy::panic, reason = "taking a stream twice is a mistake of the caller's code")]
fn taken<T>(part: Option<T>) -> T {
    part.unwrap_or_else(|| panic!("this part of the process was taken already"))
}

/// Steers a running command.
pub struct Control {
    sink: Mutex<SplitSink<Socket, Message>>,
}

impl Control {
    /// Tells the command of a new terminal size.
    pub async fn resize(&self, size: TermSize) -> Result<()> {
        let args = json!({ "width": size.cols.to_string(), "height": size.rows.to_string() });
        self.say(&json!({ "command": "window-resize", "args": args })).await
    }

    /// Sends it a signal, by number.
    pub async fn signal(&self, number: i32) -> Result<()> {
        self.say(&json!({ "command": "signal", "signal": number })).await
    }

    async fn say(&self, message: &Value) -> Result<()> {
        let mut sink = self.sink.lock().await;
        sink.send(Message::text(message.to_string())).await.map_err(|error| Error::Broken(error.into()))
    }
}

/// The writing end of a command's input; shutting it down is the end of the input.
pub struct Stdin {
    sink: SplitSink<Socket, Message>,
    ended: bool,
}

impl Stdin {
    fn new(sink: SplitSink<Socket, Message>) -> Self {
        Self { sink, ended: false }
    }
}

fn broken(error: tokio_tungstenite::tungstenite::Error) -> io::Error {
    match error {
        tokio_tungstenite::tungstenite::Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::BrokenPipe, other),
    }
}

impl AsyncWrite for Stdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.sink.poll_ready_unpin(cx)).map_err(broken)?;
        let frame = Message::Binary(Bytes::copy_from_slice(bytes));
        self.sink.start_send_unpin(frame).map_err(broken)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_flush_unpin(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(self.sink.poll_ready_unpin(cx)).map_err(broken)?;
            // an empty text frame is the end of a stream
            self.sink.start_send_unpin(Message::text("")).map_err(broken)?;
            self.ended = true;
        }
        self.sink.poll_flush_unpin(cx).map_err(broken)
    }
}

/// The reading end of a command's output.
pub struct Stdout {
    source: Source,
    rest: Bytes,
    ended: bool,
}

/// Pipes have a socket each; with a terminal the input is written to the other half.
enum Source {
    Half(SplitStream<Socket>),
    Whole(Box<Socket>),
}

impl Stdout {
    fn new(stream: SplitStream<Socket>) -> Self {
        Self { source: Source::Half(stream), rest: Bytes::new(), ended: false }
    }

    fn whole(socket: Socket) -> Self {
        Self { source: Source::Whole(Box::new(socket)), rest: Bytes::new(), ended: false }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, tokio_tungstenite::tungstenite::Error>>> {
        match &mut self.source {
            Source::Half(stream) => stream.poll_next_unpin(cx),
            Source::Whole(socket) => Pin::new(socket.as_mut()).poll_next(cx),
        }
    }

    /// Answers the end of the stream with a close, as the server waits for it.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Source::Whole(socket) = &mut self.source {
            let _ = ready!(Pin::new(socket.as_mut()).poll_close(cx));
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stdout {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            if this.ended {
                ready!(this.poll_goodbye(cx));
                return Poll::Ready(Ok(()));
            }
            match ready!(this.poll_frame(cx)) {
                Some(Ok(Message::Binary(bytes))) => this.rest = bytes,
                Some(Ok(Message::Text(_) | Message::Close(_))) | None => this.ended = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let length = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest[..length]);
        this.rest.advance(length);
        Poll::Ready(Ok(()))
    }
}
