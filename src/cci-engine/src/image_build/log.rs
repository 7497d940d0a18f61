//! The log file of a build, and the last lines of the step in progress.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::output::{self, LAST_LINES};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use crate::context::Context;

/// Where all output of a build's steps goes.
pub(crate) struct Log {
    path: PathBuf,
    file: Mutex<File>,
}

impl Log {
    /// A new file in the log directory, named by the time.
    pub(crate) async fn create(cx: &Context) -> Result<Self> {
        let dir = cx.settings.paths.logs_dir.clone().unwrap_or_else(|| cx.cci_dir().join("logs"));
        let failed = |step, path: &Path, source| Error::Host { step, path: path.to_owned(), source };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .await
            .map_err(|source| failed("create", &dir, source))?;
        let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
        let path = dir.join(format!("build-{time}-{}.log", std::process::id()));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .await
            .map_err(|source| failed("create", &path, source))?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says where to read more.
    pub(crate) fn hint(&self) -> String {
        format!("the whole log is in {}", GuestText::new(&self.path))
    }

    /// Writes a line of cci's own.
    pub(crate) async fn say(&self, line: &str) -> Result<()> {
        self.write(format!("== {line}\n").as_bytes()).await
    }

    /// The file itself, for a program of the host that writes into it.
    pub(crate) async fn for_a_program(&self) -> Result<Stdio> {
        let file = self.file.lock().await.try_clone().await;
        Ok(file.map_err(|source| self.unwritable(source))?.into_std().await.into())
    }

    /// The last lines of the file, safe for a terminal.
    pub(crate) async fn last_lines(&self) -> Result<VecDeque<String>> {
        let file = File::open(&self.path).await.map_err(|source| self.unwritable(source))?;
        let mut last = VecDeque::with_capacity(LAST_LINES);
        each_line(BufReader::new(file), &mut last, async |_| Ok(())).await?;
        Ok(last)
    }

    /// Records everything until the stream ends; returns the last lines, safe for a terminal.
    pub(crate) async fn take_down(&self, stream: impl AsyncBufRead + Unpin) -> Result<VecDeque<String>> {
        let mut last = VecDeque::with_capacity(LAST_LINES);
        each_line(stream, &mut last, async |line| self.write(line).await).await?;
        Ok(last)
    }

    async fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut file = self.file.lock().await;
        let written = async {
            file.write_all(bytes).await?;
            file.flush().await
        };
        written.await.map_err(|source| self.unwritable(source))
    }

    fn unwritable(&self, source: std::io::Error) -> Error {
        Error::Host { step: "write", path: self.path.clone(), source }
    }
}

/// Passes each line to `take` and keeps the last ones, safe for a terminal.
async fn each_line(
    mut stream: impl AsyncBufRead + Unpin,
    last: &mut VecDeque<String>,
    take: impl AsyncFn(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        // a stream that breaks off has ended; the exit status of its writer says why
        if stream.read_until(b'\n', &mut line).await.unwrap_or_default() == 0 {
            return Ok(());
        }
        take(&line).await?;
        let shown = output::line(&line);
        if shown.trim().is_empty() {
            continue;
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(shown);
    }
}
