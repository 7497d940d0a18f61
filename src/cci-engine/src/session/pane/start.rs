//! Waits until an agent that was just started shows something: one that exits at once is an error with its last lines.

use std::time::Duration;

use cci_agent::Shown;
use cci_core::{Error, Result};
use cci_guest::pane::{Order, State};
use tokio::time::{Instant, interval};

use super::connection::Pane;
use super::screen::{QUIET, Reading, STEADY, Steady, is_blank, last_lines, reading};

/// The same while the user waits for its first screen.
const FIRST_LOOKS: Duration = Duration::from_millis(20);
/// How long a launch in the background waits until the agent shows something.
const UP: Duration = Duration::from_secs(15);

/// What an agent shows after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Up {
    /// A prompt, or at least a screen.
    Shows,
    /// A question.
    Asks,
}

impl Pane<'_> {
    /// Waits until an agent that has just been started shows something.
    pub(crate) async fn up(&mut self) -> Result<Up> {
        let (end, mut steady) = (Instant::now() + UP, Steady::new());
        self.ticks = interval(FIRST_LOOKS);
        loop {
            self.ticks.tick().await;
            let seen = match self.order(Order::Look, false).await? {
                Ok(seen) => seen,
                Err(failed) => return Err(failed.error("starting the agent")),
            };
            let age = steady.age(&seen.shown);
            let asks = match (seen.state, reading(&seen)) {
                (State::Ended, _) => {
                    return Err(Error::AgentEnded {
                        name: self.name.to_owned(),
                        last: last_lines(&seen.shown),
                        hint: "run `cci shell` in a terminal to see why".to_owned(),
                    });
                }
                (State::InFront, Reading::Shell) => return Ok(Up::Shows),
                (State::InFront, Reading::By(_, shown)) => match shown(&seen.shown) {
                    Shown::Prompt(_) => return Ok(Up::Shows),
                    shown => shown == Shown::Question,
                },
                (State::Starting | State::InFront, _) => false,
                _ => return Ok(Up::Shows),
            };
            if asks && age >= STEADY {
                return Ok(Up::Asks);
            }
            if (age >= QUIET && !is_blank(&seen.shown)) || Instant::now() >= end {
                return Ok(Up::Shows);
            }
        }
    }
}
