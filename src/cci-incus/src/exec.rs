//! Running a command in an instance, with its streams connected, captured, or discarded.

mod captured;
mod control;
mod input;
mod output;
mod process;
mod start;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use captured::Captured;
pub use control::Control;
pub use input::Stdin;
pub use output::{Stderr, Stdout};
pub use process::Process;
pub use start::until_it_runs;

/// A command to run.
///
/// Read and write the streams of the process concurrently.
///
/// ```no_run
/// use cci_incus::{Client, Exec};
/// use tokio::io::AsyncReadExt as _;
///
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let exec = Exec { user: Some(1000), cwd: Some("/workspace".into()), ..Exec::new(["git", "status"]) };
/// let mut process = client.exec("c1", &exec).await?;
/// let mut text = String::new();
/// if let Some(stdout) = &mut process.stdout {
///     stdout.read_to_string(&mut text).await?;
/// }
/// println!("{text} status {}", process.wait().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program and its arguments, never joined or parsed by a shell.
    pub command: Vec<String>,
    /// Variables, which override those that Incus sets.
    pub environment: BTreeMap<String, String>,
    /// The working directory; Incus does not report a missing one: the command then runs elsewhere.
    pub cwd: Option<String>,
    /// The uid in the instance; `None` for root.
    pub user: Option<u32>,
    /// The gid in the instance; `None` for root's.
    pub group: Option<u32>,
    /// A terminal of this size; `None` for three pipes.
    pub tty: Option<TermSize>,
}

impl Exec {
    /// A command as root with three pipes.
    #[must_use]
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TermSize {
    pub cols: u16,
    pub rows: u16,
}
