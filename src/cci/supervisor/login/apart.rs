//! A renewal in a process of its own: the supervisor may be killed at any moment, and a refresh token is taken once.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::renewal::{Asked, Outcome, renew};
use crate::supervisor::log;

/// No request and no outcome is longer.
const LARGEST: u64 = 64 * 1024;

/// Who renews logins.
pub(crate) trait Renews {
    /// Renews one. It goes on where nobody waits for it any more.
    fn renew(&self, asked: Asked) -> LocalBoxFuture<'static, Outcome>;
}

/// Another process of this program.
pub(crate) struct Apart {
    /// The supervisor's log, for what a dying process prints.
    pub(crate) log: PathBuf,
}

impl Renews for Apart {
    fn renew(&self, asked: Asked) -> LocalBoxFuture<'static, Outcome> {
        let errors = log::for_a_panic(&self.log);
        Box::pin(async move {
            let outcome = begun(&asked, errors).await;
            outcome.unwrap_or_else(|error| Outcome::Failed(format!("the process for it failed: {error}")))
        })
    }
}

async fn begun(asked: &Asked, errors: Option<File>) -> io::Result<Outcome> {
    // the same build, also where its file was replaced meanwhile
    let mut child = Command::new("/proc/self/exe")
        .arg0("cci")
        .args(["supervisor", "renew"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors.map_or_else(Stdio::null, Stdio::from))
        .spawn()?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    input.write_all(&serde_json::to_vec(asked)?).await?;
    drop(input);
    let mut said = Vec::new();
    output.take(LARGEST).read_to_end(&mut said).await?;
    let _ = child.wait().await;
    serde_json::from_slice(&said).map_err(|_| io::Error::other("it ended without a word"))
}

/// Is that process: reads what to renew, and says what came of it. A request that did not arrive whole asks for nothing.
pub(crate) async fn be_apart() -> Option<String> {
    let mut asked = Vec::new();
    tokio::io::stdin().take(LARGEST).read_to_end(&mut asked).await.ok()?;
    let asked: Asked = serde_json::from_slice(&asked).ok()?;
    let outcome = renew(&asked).await;
    serde_json::to_string(&outcome).ok()
}
