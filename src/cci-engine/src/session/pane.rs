//! The agent's pane, looked at and typed into within one command: what is sent goes to the agent or nowhere.

use std::time::Duration;

use cci_agent::{Shown, known};
use cci_core::{Error, Result};
use cci_guest::handshake::Script;
use cci_guest::pane::{self, END, Order, Seen, State};
use cci_guest::{GuestExit, GuestText, shell};
use cci_incus::{Exec, Process, Stderr, Stdin, Stdout};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Interval, interval};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};

/// How often a pane is looked at, and how often where the user waits for its first screen.
const LOOK: Duration = Duration::from_millis(100);
const FIRST_LOOKS: Duration = Duration::from_millis(20);
/// How long a screen must not change until it is taken for what it shows, and how long where nothing is known of it.
const STEADY: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_millis(1500);
/// How long an agent may show something else before that is no start any more.
const STARTS: Duration = Duration::from_secs(5);
/// How long a prompt is waited for.
const PROMPT: Duration = Duration::from_secs(60);
/// How long a launch in the background waits until the agent shows something.
const UP: Duration = Duration::from_secs(15);
/// How long a text may take to its place, and until it is submitted.
const TAKEN: Duration = Duration::from_secs(10);
/// When Enter is pressed again.
const AGAIN: Duration = Duration::from_millis(1500);
/// No screen is larger.
const LARGEST: u64 = 4 << 20;
/// How many of the last lines of a screen are shown.
const LAST: usize = 8;

/// How the agent's screen is read.
enum Reading {
    /// It is a shell, which takes whatever comes.
    Shell,
    /// By these rules.
    By(fn(&str) -> Shown),
    /// Nothing is known of it.
    Quiet,
}

/// What an agent that was started shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Up {
    /// A prompt, or at least a screen.
    Shows,
    /// A question.
    Asks,
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
    /// The pane of a session, with keys that can be pressed; that it runs, and is the caller's, is asked meanwhile.
    pub(crate) async fn open<T>(
        cx: &Context,
        name: &'a str,
        keys: &[String],
        known: impl Future<Output = Result<T>>,
    ) -> Result<Self> {
        let exec = Exec::new(shell::command(&pane::taking_orders(name), pane::keys(keys)));
        let (begun, _) = exec::start_if(cx, name, known, Script::before(""), &exec, "talk to tmux").await?;
        match begun {
            Begun::Runs(process) => Self::of(name, process),
            Begun::Refused(exit) => Err(exec::not_begun(cx, exit)),
        }
    }

    /// The pane behind a command that takes orders.
    pub(crate) fn of(name: &'a str, mut process: Process) -> Result<Self> {
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Internal("a stream of the command was taken before".into()));
        };
        Ok(Self { name, stdin, stdout, stderr: process.stderr.take(), process, ticks: interval(LOOK) })
    }

    /// Gives an order; what is seen afterwards, or how the shell ended instead.
    pub(crate) async fn order(&mut self, order: Order<'_>, force: bool) -> Result<std::result::Result<Seen, Failed>> {
        let sent = async {
            self.stdin.write_all(&order.line(force)).await?;
            self.stdin.flush().await
        };
        let mut answer = Vec::new();
        // a shell that has ended says so by its end
        let _ = sent.await;
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
        let status = self.process.ended().await.during("talk to tmux")?;
        Ok(Failed { exit: status.into(), said })
    }

    async fn see(&mut self, order: Order<'_>, force: bool) -> Result<Seen> {
        match self.order(order, force).await? {
            Ok(seen) => Ok(seen),
            Err(Failed { exit: GuestExit::NoSession, .. }) => Err(Error::NoTmuxSession { name: self.name.to_owned() }),
            Err(failed) => Err(failed.error(&format!("tmux in {}", self.name))),
        }
    }

    /// Waits until the agent takes a prompt; what stands at it already, where that can be read.
    pub(crate) async fn ready(&mut self) -> Result<Option<String>> {
        let (end, mut steady) = (Instant::now() + PROMPT, Steady::new());
        loop {
            self.ticks.tick().await;
            let seen = self.see(Order::Look, false).await?;
            let age = steady.age(&seen.shown);
            let late = Instant::now() >= end;
            match seen.state {
                State::InFront => match (reading(&seen), is_blank(&seen.shown)) {
                    (Reading::Shell, _) => return Ok(None),
                    (Reading::Quiet, false) if age >= QUIET => return Ok(None),
                    (Reading::By(shown), blank) => match shown(&seen.shown) {
                        Shown::Prompt(typed) => return Ok(Some(typed)),
                        Shown::Question if age >= STEADY => return Err(self.no_prompt("it asks something", &seen)),
                        _ if (age >= STARTS && !blank) || late => {
                            return Err(self.no_prompt("it shows something else", &seen));
                        }
                        _ => {}
                    },
                    _ if late => return Err(self.no_prompt("it shows nothing", &seen)),
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
                        hint: "see it end in a terminal, with `cci shell`".to_owned(),
                    });
                }
                (State::InFront, Reading::Shell) => return Ok(Up::Shows),
                (State::InFront, Reading::By(shown)) => match shown(&seen.shown) {
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

    /// Presses the keys.
    pub(crate) async fn keys(&mut self, force: bool) -> Result<()> {
        self.typed(Order::Keys, force).await
    }

    /// Pastes a text, and presses Enter if asked; whatever is there gets it.
    pub(crate) async fn force(&mut self, text: &[u8], enter: bool) -> Result<()> {
        if !text.is_empty() {
            self.typed(Order::Paste(text), true).await?;
        }
        if enter { self.typed(Order::Enter, true).await } else { Ok(()) }
    }

    /// Pastes a text at the prompt, at which this stands already, and submits it if asked.
    pub(crate) async fn prompt(&mut self, text: &[u8], before: Option<&str>, enter: bool) -> Result<()> {
        if !text.is_empty() {
            self.typed(Order::Paste(text), false).await?;
        }
        let Some(before) = before else {
            return if enter { self.typed(Order::Enter, false).await } else { Ok(()) };
        };
        let pasted = if text.is_empty() { before.to_owned() } else { self.arrived(before).await? };
        if enter { self.submitted(&pasted).await } else { Ok(()) }
    }

    async fn typed(&mut self, order: Order<'_>, force: bool) -> Result<()> {
        let seen = self.see(order, force).await?;
        if force || seen.state == State::InFront { Ok(()) } else { Err(self.absent(seen.state, &seen)) }
    }

    /// Waits until a text that was pasted stands at the prompt; what stands there then.
    async fn arrived(&mut self, before: &str) -> Result<String> {
        let (begun, mut first) = (Instant::now(), None);
        loop {
            let seen = self.see(Order::Look, false).await?;
            match at_prompt(&seen) {
                Some(typed) if typed != before => return Ok(typed),
                // it went on at once, as lines do where each is a prompt
                Some(typed) if begun.elapsed() >= QUIET && first.as_ref().is_some_and(|first| *first != seen.shown) => {
                    return Ok(typed);
                }
                None if begun.elapsed() >= QUIET => return Ok(String::new()),
                _ if begun.elapsed() >= TAKEN => {
                    return Err(self.no_prompt("it did not take the text", &seen));
                }
                _ => {}
            }
            first.get_or_insert(seen.shown);
            self.ticks.tick().await;
        }
    }

    /// Presses Enter until what was pasted does not stand at the prompt any more.
    async fn submitted(&mut self, pasted: &str) -> Result<()> {
        let begun = Instant::now();
        self.typed(Order::Enter, false).await?;
        let mut pressed = Instant::now();
        loop {
            self.ticks.tick().await;
            let seen = self.see(Order::Look, false).await?;
            let stands = !pasted.is_empty() && at_prompt(&seen).is_some_and(|typed| begins_alike(&typed, pasted));
            if seen.state != State::InFront || !stands {
                return Ok(());
            }
            if begun.elapsed() >= TAKEN {
                return Err(self.no_prompt("the text stands at its prompt and is not submitted", &seen));
            }
            if pressed.elapsed() >= AGAIN {
                self.typed(Order::Enter, false).await?;
                pressed = Instant::now();
            }
        }
    }

    /// Why nothing is given to an agent that is not in front.
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
            State::Stopped => "it is stopped: `fg` brings it back",
            State::Behind => "another program has its terminal",
            State::Starting => "it has not been started yet",
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

/// How a shell that takes orders ended before it answered.
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
    match known(&seen.screen).map(|agent| agent.screen()) {
        _ if seen.screen == SHELL => Reading::Shell,
        Some(Some(shown)) => Reading::By(shown),
        _ => Reading::Quiet,
    }
}

/// How the screen of a shell is called.
pub(crate) const SHELL: &str = "shell";

/// What stands at the prompt, where there is one.
fn at_prompt(seen: &Seen) -> Option<String> {
    match reading(seen) {
        Reading::By(shown) => match shown(&seen.shown) {
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

/// The last lines of a screen that are not empty, without the prompt of the shell that is left.
fn last_lines(screen: &str) -> String {
    let mut lines: Vec<&str> = screen.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    if lines.last().is_some_and(|line| line.ends_with('$') || line.ends_with('#')) {
        lines.pop();
    }
    let from = lines.len().saturating_sub(LAST);
    GuestText::lines(lines[from..].join("\n")).to_string()
}
