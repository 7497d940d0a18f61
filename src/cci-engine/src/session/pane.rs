//! The agent's pane, read and typed into by one command in the container: what is sent goes to the agent or nowhere.

use std::time::Duration;

use cci_agent::{Agent, Shown, known};
use cci_core::{Error, Result};
use cci_guest::handshake::Script;
use cci_guest::pane::{self, END, Order, SHELL, Seen, State};
use cci_guest::{GuestExit, GuestText, shell};
use cci_incus::{Exec, Process, Stderr, Stdin, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Interval, interval, timeout};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};

/// How often a pane is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The same while the user waits for its first screen.
const FIRST_LOOKS: Duration = Duration::from_millis(20);
/// How long a screen must stay the same before cci acts on what it shows.
const STEADY: Duration = Duration::from_millis(500);
/// The same for a screen that cci cannot read.
const QUIET: Duration = Duration::from_millis(1500);
/// How long an agent that is starting may show something other than a prompt.
const STARTS: Duration = Duration::from_secs(5);
/// How long cci waits for a prompt.
const PROMPT: Duration = Duration::from_secs(60);
/// How long a launch in the background waits until the agent shows something.
const UP: Duration = Duration::from_secs(15);
/// How long a pasted text may take to appear at the prompt, and then to be submitted.
const TAKEN: Duration = Duration::from_secs(10);
/// How long others may take who type into the same pane, in seconds.
const TURN: u64 = 60;
/// When Enter is pressed again.
const AGAIN: Duration = Duration::from_millis(1500);
/// No screen is larger.
const LARGEST: u64 = 4 << 20;
/// How long the container may take to carry out an order, a turn included; one that is paused never does.
const ORDER: Duration = Duration::from_secs(90);
/// The step of every order.
const STEP: &str = "talk to tmux";
/// How many of the last lines of a screen are shown.
const LAST: usize = 8;

/// How to read the agent's screen.
enum Reading {
    /// It is a shell, which accepts anything.
    Shell,
    /// By the rules of this agent.
    By(&'static dyn Agent, fn(&str) -> Shown),
    /// Nothing is known of it.
    Quiet,
}

/// What an agent shows after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Up {
    /// A prompt, or at least a screen.
    Shows,
    /// A question.
    Asks,
}

/// What takes a prompt.
pub(crate) enum Ready {
    /// An agent whose screen can be read, with what stands at its prompt already.
    Reads { before: String, agent: &'static dyn Agent },
    /// Anything else.
    Takes,
}

/// A pane that takes orders; the shell that gives them to it ends with this.
pub(crate) struct Pane<'a> {
    name: &'a str,
    stdin: Stdin,
    stdout: Stdout,
    stderr: Option<Stderr>,
    process: Process,
    ticks: Interval,
}

/// A screen, and since when it is the same.
struct Steady {
    shown: String,
    since: Instant,
}

impl Steady {
    fn new() -> Self {
        Self { shown: String::new(), since: Instant::now() }
    }

    /// How long it has been this.
    fn age(&mut self, shown: &str) -> Duration {
        if self.shown != shown {
            (self.shown, self.since) = (shown.to_owned(), Instant::now());
        }
        self.since.elapsed()
    }
}

impl<'a> Pane<'a> {
    /// Opens the pane of a session, with the keys that can be pressed. `known` finds out meanwhile whether it runs and
    /// belongs to the caller.
    pub(crate) async fn open<T>(
        cx: &Context,
        name: &'a str,
        keys: &[String],
        known: impl Future<Output = Result<T>>,
    ) -> Result<Self> {
        let exec = Exec::new(shell::command(&pane::taking_orders(name), pane::keys(keys)));
        let (begun, _) = exec::start_if(cx, name, known, Script::before(""), &exec, STEP).await?;
        match begun {
            Begun::Runs(process) => Self::of(name, process),
            Begun::Refused(exit) => Err(exec::not_begun(cx, exit).await),
        }
    }

    /// The pane of a process that runs [`pane::taking_orders`].
    pub(crate) fn of(name: &'a str, mut process: Process) -> Result<Self> {
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Internal("a stream of the command was taken before".into()));
        };
        Ok(Self { name, stdin, stdout, stderr: process.stderr.take(), process, ticks: interval(LOOK) })
    }

    /// Gives an order and returns what the pane shows afterwards, or how the shell ended instead.
    pub(crate) async fn order(&mut self, order: Order<'_>, force: bool) -> Result<std::result::Result<Seen, Failed>> {
        // whatever runs in the container may never answer
        timeout(ORDER, self.answer(&order.line(force))).await.unwrap_or_else(|_| {
            let step = format!("waiting for tmux in {}", self.name);
            Err(Error::TimedOut { step, seconds: ORDER.as_secs(), still_running: false })
        })
    }

    async fn answer(&mut self, line: &[u8]) -> Result<std::result::Result<Seen, Failed>> {
        // if the shell has exited, its output ends without an answer
        if self.stdin.write_all(line).await.is_ok() {
            let _ = self.stdin.flush().await;
        }
        let mut answer = Vec::new();
        let _ = (&mut self.stdout).take(LARGEST).read_until(END, &mut answer).await;
        if answer.pop() == Some(END) {
            return Ok(Ok(Seen::parse(&answer)));
        }
        self.failed().await.map(Err)
    }

    async fn failed(&mut self) -> Result<Failed> {
        let mut said = Vec::new();
        if let Some(stderr) = &mut self.stderr {
            let _ = stderr.take(LARGEST).read_to_end(&mut said).await;
        }
        let status = self.process.ended().await.during(STEP)?;
        Ok(Failed { exit: status.into(), said })
    }

    async fn see(&mut self, order: Order<'_>, force: bool) -> Result<Seen> {
        match self.order(order, force).await? {
            Ok(seen) => Ok(seen),
            Err(Failed { exit: GuestExit::NoSession, .. }) => Err(Error::NoTmuxSession { name: self.name.to_owned() }),
            Err(failed) => Err(failed.error(&format!("tmux in {}", self.name))),
        }
    }

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

    /// Presses the keys that the pane was opened with.
    pub(crate) async fn keys(&mut self, force: bool) -> Result<()> {
        self.typed(Order::Keys, force).await
    }

    /// Pastes a text into whatever is there, and presses Enter if asked.
    pub(crate) async fn force(&mut self, text: &[u8], enter: bool) -> Result<()> {
        self.typed(Order::Paste(text), true).await?;
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

/// How the shell exited instead of answering.
pub(crate) struct Failed {
    pub(crate) exit: GuestExit,
    pub(crate) said: Vec<u8>,
}

impl Failed {
    pub(crate) fn error(&self, step: &str) -> Error {
        Error::StepFailed {
            step: step.to_owned(),
            problem: format!("status {}: {}", self.exit, cci_guest::output::whole(&self.said)),
            hint: None,
        }
    }
}

fn reading(seen: &Seen) -> Reading {
    match known(&seen.screen).and_then(|agent| Some((agent, agent.screen()?))) {
        _ if seen.screen == SHELL => Reading::Shell,
        Some((agent, shown)) => Reading::By(agent, shown),
        None => Reading::Quiet,
    }
}

/// What stands at the prompt, where there is one.
fn at_prompt(seen: &Seen) -> Option<String> {
    match reading(seen) {
        Reading::By(_, shown) => match shown(&seen.shown) {
            Shown::Prompt(typed) => Some(typed),
            _ => None,
        },
        _ => None,
    }
}

fn begins_alike(one: &str, other: &str) -> bool {
    const ENOUGH: usize = 8;
    !one.is_empty() && one.chars().take(ENOUGH).eq(other.chars().take(ENOUGH))
}

fn is_blank(screen: &str) -> bool {
    screen.trim().is_empty()
}

/// The last lines of a screen that are not empty, without the prompt of the shell after the agent.
fn last_lines(screen: &str) -> String {
    let mut lines: Vec<&str> = screen.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    if lines.last().is_some_and(|line| line.ends_with('$') || line.ends_with('#')) {
        lines.pop();
    }
    let from = lines.len().saturating_sub(LAST);
    GuestText::lines(lines[from..].join("\n")).to_string()
}
