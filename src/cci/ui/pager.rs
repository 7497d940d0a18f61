//! Shows a long result through the pager of the person (`PAGER`, else `less`), where stdout is a terminal.

use std::io::IsTerminal;
use std::process::Stdio;

use cci_core::Result;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::terminal::Terminal;
use super::text::Text;

/// Whether a result is shown to a person.
#[expect(clippy::disallowed_methods, reason = "asks what it is, and writes nothing")]
pub(crate) fn is_shown() -> bool {
    std::io::stdout().is_terminal()
}

/// Shows a text page by page; where there is no pager, all at once.
pub(crate) async fn page(text: &Text, pager: Option<&str>) -> Result<()> {
    let pager = pager.filter(|pager| !pager.trim().is_empty()).unwrap_or("less");
    let mut less = Command::new("sh");
    // less ends by itself if all of it fits, and leaves it on the screen
    less.args(["-c", pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        less.env("LESS", "FRX");
    }
    let Ok(mut running) = less.spawn() else { return Terminal::result(text) };
    let Some(mut input) = running.stdin.take() else { return Terminal::result(text) };
    // who leaves the pager early has seen enough
    let _ = input.write_all(text.as_str().as_bytes()).await;
    drop(input);
    match running.wait().await {
        // the shell found no such program
        Ok(status) if status.code() == Some(127) => Terminal::result(text),
        _ => Ok(()),
    }
}
