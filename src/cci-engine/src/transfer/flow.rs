//! A stream of bytes between the runtime and the one thread that works on the disk, with a small buffer.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use cci_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::context::Context;
use crate::event::{Activity, Amount, Direction, Event, Progress};
use cci_host::store::meter::Meter;

/// How many chunks are buffered.
const WAITING: usize = 8;
/// The size of a chunk.
const CHUNK: usize = 256 * 1024;
/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// A stream's two ends.
pub(crate) fn flow() -> (Inlet, Outlet) {
    let (sender, receiver) = channel(WAITING);
    (Inlet { sender, chunk: Vec::new() }, Outlet { receiver, chunk: Vec::new(), at: 0 })
}

/// Accepts bytes; dropping it ends the stream.
pub(crate) struct Inlet {
    sender: Sender<Vec<u8>>,
    chunk: Vec<u8>,
}

impl Inlet {
    /// Sends everything that comes; false once nobody reads it any more.
    pub(crate) async fn send(&self, bytes: Vec<u8>) -> bool {
        self.sender.send(bytes).await.is_ok()
    }

    /// Copies a source in, and gives up when it is silent for too long.
    ///
    /// False if the reader stopped before the end.
    pub(crate) async fn pour(self, mut from: impl AsyncRead + Unpin, silence: Duration) -> Result<bool> {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = tokio::time::timeout(silence, from.read_buf(&mut chunk)).await;
            match read {
                Err(_) => return Err(silent(silence)),
                // the other end's exit status says how it broke
                Ok(Err(_) | Ok(0)) => return Ok(true),
                Ok(Ok(_)) => {}
            }
            if !self.send(chunk).await {
                return Ok(false);
            }
        }
    }
}

/// The failure of a container that has sent nothing for too long.
pub(crate) fn silent(silence: Duration) -> Error {
    Error::TimedOut { step: "wait for the container's files".into(), seconds: silence.as_secs(), still_running: false }
}

impl Write for Inlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Provides the bytes, to the disk's thread as [`Read`].
pub(crate) struct Outlet {
    receiver: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Outlet {
    /// The next chunk, for the runtime.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.receiver.recv().await
    }
}

impl Read for Outlet {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            match self.receiver.blocking_recv() {
                Some(chunk) => (self.chunk, self.at) = (chunk, 0),
                None => return Ok(0),
            }
        }
        let left = &self.chunk[self.at..];
        let most = left.len().min(into.len());
        into[..most].copy_from_slice(&left[..most]);
        self.at += most;
        Ok(most)
    }
}

/// Does `work` and meanwhile reports what the meter counts.
#[tracing::instrument(name = "transfer", skip_all, fields(?direction))]
pub(crate) async fn shown<T>(
    cx: &Context,
    direction: Direction,
    meter: &Arc<Meter>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(TICK);
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            _ = tick.tick() => {
                let activity = Activity::Transfer { direction, files: meter.files() };
                let amount = Amount::Bytes { done: meter.bytes(), total: meter.total() };
                cx.emit(Progress { activity, amount });
            }
        }
    };
    cx.emit(Event::Idle);
    done
}
