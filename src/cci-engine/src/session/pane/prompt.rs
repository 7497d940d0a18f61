//! Gives the agent a prompt: waits for its turn and until the agent is ready, pastes, and submits.

use std::time::Duration;

use cci_agent::{Agent, Shown};
use cci_core::{Error, Result};
use cci_guest::pane::{Order, Seen, State};
use tokio::time::Instant;

use super::connection::Pane;
use super::screen::{QUIET, Reading, STEADY, Steady, at_prompt, begins_alike, is_blank, last_lines, reading};

/// How long an agent that is starting may show something other than a prompt.
const STARTS: Duration = Duration::from_secs(5);
/// How long cci waits for a prompt.
const PROMPT: Duration = Duration::from_secs(60);
/// How long a pasted text may take to appear at the prompt, and then to be submitted.
const TAKEN: Duration = Duration::from_secs(10);
/// How long others may take who type into the same pane, in seconds.
const TURN: u64 = 60;
/// When Enter is pressed again.
const AGAIN: Duration = Duration::from_millis(1500);

/// What takes a prompt.
pub(crate) enum Ready {
    /// An agent whose screen can be read, with what stands at its prompt already.
    Reads { before: String, agent: &'static dyn Agent },
    /// Anything else.
    Takes,
}

impl Pane<'_> {
    /// Waits until nobody else types into it; it is this one's until it is dropped.
    pub(crate) async fn turn(&mut self) -> Result<()> {
        let seen = self.see(Order::Turn(TURN), false).await?;
        if seen.state == State::Taken { Err(self.absent(seen.state, &seen)) } else { Ok(()) }
    }

    /// Waits until the agent takes a prompt.
    pub(crate) async fn ready(&mut self) -> Result<Ready> {
        let (end, mut steady) = (Instant::now() + PROMPT, Steady::new());
        loop {
            self.ticks.tick().await;
            let seen = self.see(Order::Look, false).await?;
            let age = steady.age(&seen.shown);
            let late = Instant::now() >= end;
            match seen.state {
                State::InFront => match (reading(&seen), is_blank(&seen.shown)) {
                    (Reading::Shell, _) => return Ok(Ready::Takes),
                    (Reading::Quiet, false) if age >= QUIET => return Ok(Ready::Takes),
                    (Reading::By(agent, shown), blank) => match shown(&seen.shown) {
                        Shown::Prompt(before) => return Ok(Ready::Reads { before, agent }),
                        Shown::Question if age >= STEADY => return Err(self.no_prompt("it asks something", &seen)),
                        _ if (age >= STARTS && !blank) || late => {
                            return Err(self.no_prompt("it shows no prompt", &seen));
                        }
                        _ => {}
                    },
                    _ if late => return Err(self.no_prompt("its screen is empty or keeps changing", &seen)),
                    _ => {}
                },
                State::Behind if age < STEADY => {}
                State::Starting if !late => {}
                state => return Err(self.absent(state, &seen)),
            }
        }
    }

    /// Presses the keys that the pane was opened with.
    pub(crate) async fn keys(&mut self, force: bool) -> Result<()> {
        self.typed(Order::Keys, force).await
    }

    /// Pastes a text into whatever is there, and presses Enter if asked.
    pub(crate) async fn force(&mut self, text: &[u8], enter: bool) -> Result<()> {
        if !text.is_empty() {
            self.typed(Order::Paste(text), true).await?;
        }
        if enter { self.typed(Order::Enter, true).await } else { Ok(()) }
    }

    /// Pastes a text at the prompt, at which this stands already, and submits it if asked.
    pub(crate) async fn prompt(&mut self, text: &[u8], at: &Ready, enter: bool) -> Result<()> {
        let Ready::Reads { before, agent } = at else {
            if !text.is_empty() {
                self.typed(Order::Paste(text), false).await?;
            }
            return if enter { self.typed(Order::Enter, false).await } else { Ok(()) };
        };
        if enter && !text.is_empty() && text.trim_ascii().is_empty() {
            let problem = "it submits none of blanks only".to_owned();
            return Err(Error::NoPrompt { name: self.name.to_owned(), problem });
        }
        if !text.is_empty() {
            let tail = if enter { agent.ends_with(text) } else { "" };
            self.typed(Order::Paste(&[text, tail.as_bytes()].concat()), false).await?;
        }
        let pasted = if text.is_empty() { before.clone() } else { self.arrived(before).await? };
        if enter { self.submitted(&pasted).await } else { Ok(()) }
    }

    async fn typed(&mut self, order: Order<'_>, force: bool) -> Result<()> {
        let seen = self.see(order, force).await?;
        if force || seen.state == State::InFront { Ok(()) } else { Err(self.absent(seen.state, &seen)) }
    }

    /// Waits until a pasted text appears at the prompt; returns what the prompt shows then.
    async fn arrived(&mut self, before: &str) -> Result<String> {
        let (begun, mut first) = (Instant::now(), None);
        loop {
            let seen = self.see(Order::Look, false).await?;
            match at_prompt(&seen) {
                Some(typed) if typed != before => return Ok(typed),
                // it was submitted at once, as by an agent that reads line by line
                Some(typed) if begun.elapsed() >= QUIET && first.as_ref().is_some_and(|first| *first != seen.shown) => {
                    return Ok(typed);
                }
                None if begun.elapsed() >= QUIET => return Ok(String::new()),
                _ if begun.elapsed() >= TAKEN => {
                    return Err(self.no_prompt("the text did not appear at its prompt", &seen));
                }
                _ => {}
            }
            first.get_or_insert(seen.shown);
            self.ticks.tick().await;
        }
    }

    /// Presses Enter until what was pasted is no longer at the prompt.
    async fn submitted(&mut self, pasted: &str) -> Result<()> {
        let begun = Instant::now();
        self.typed(Order::Enter, false).await?;
        let mut pressed = Instant::now();
        loop {
            self.ticks.tick().await;
            let seen = self.see(Order::Look, false).await?;
            let is_there = !pasted.is_empty() && at_prompt(&seen).is_some_and(|typed| begins_alike(&typed, pasted));
            if seen.state != State::InFront || !is_there {
                return Ok(());
            }
            if begun.elapsed() >= TAKEN {
                return Err(self.no_prompt("the text is still at its prompt", &seen));
            }
            if pressed.elapsed() >= AGAIN {
                self.typed(Order::Enter, false).await?;
                pressed = Instant::now();
            }
        }
    }

    /// Why nothing is sent to an agent that does not have the terminal.
    fn absent(&self, state: State, seen: &Seen) -> Error {
        let problem = match state {
            State::Ended => {
                return Error::AgentEnded {
                    name: self.name.to_owned(),
                    last: last_lines(&seen.shown),
                    hint: format!(
                        "start it again in `cci attach {}`, or use --force to type into what is there now",
                        self.name
                    ),
                };
            }
            State::Stopped => "it is suspended: `fg` resumes it",
            State::Behind => "another program has its terminal",
            State::Starting => "it has not been started yet",
            State::Taken => "somebody else is giving it a prompt",
            _ => "another release of cci, or somebody else, has started this session",
        };
        Error::NoPrompt { name: self.name.to_owned(), problem: problem.to_owned() }
    }

    fn no_prompt(&self, problem: &str, seen: &Seen) -> Error {
        let last = last_lines(&seen.shown);
        let problem = if last.is_empty() { problem.to_owned() } else { format!("{problem}:\n{last}") };
        Error::NoPrompt { name: self.name.to_owned(), problem }
    }
}
