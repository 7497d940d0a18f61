//! Questions to the user, asked in a thread of their own: the runtime keeps running, and a signal ends the wait.

#![expect(clippy::disallowed_methods, reason = "a question that is given up leaves the cursor as it was")]

use std::io::{self, IsTerminal, Write};

use cci_core::{Error, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Whether there is somebody to ask.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question with dialoguer; a terminal that cannot be read is an error.
pub(super) async fn ask<T: Send + 'static>(put: impl FnOnce() -> dialoguer::Result<T> + Send + 'static) -> Result<T> {
    let given_up = RestoreOnDrop { mode: tcgetattr(io::stdin()).ok() };
    let asked = tokio::task::spawn_blocking(put).await;
    given_up.answered();
    match asked {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(dialoguer::Error::IO(source))) if source.kind() == io::ErrorKind::Interrupted => Err(Error::Interrupted),
        Ok(Err(dialoguer::Error::IO(source))) => {
            Err(Error::Host { step: "read the answer from", path: "the terminal".into(), source })
        }
        Err(panicked) => Err(Error::Internal(panicked.to_string())),
    }
}

/// Restores the terminal if the question is dropped while it waits: its thread reads keys in raw mode until the end.
struct RestoreOnDrop {
    mode: Option<Termios>,
}

impl RestoreOnDrop {
    /// The question has been answered.
    fn answered(mut self) {
        self.mode = None;
    }
}

impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        if let Some(mode) = self.mode.take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &mode);
            // the prompt has hidden the cursor, and its line is unfinished
            let _ = writeln!(io::stderr(), "\x1b[?25h");
        }
    }
}
