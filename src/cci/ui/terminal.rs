//! All output of cci: lines, warnings, questions and results, with colour only on a terminal.
//!
//! Everything is printed from here, and text that others wrote passes `GuestText` first: a caller that forgets it shows
//! an escape and runs none.

#![expect(clippy::disallowed_methods, reason = "this is the one way")]

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use cci_core::hint::hint;
use cci_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::event::{Telling, told};
use super::json;
use super::progress::{Bar, Paused, Progress, locked};
use super::question;
use super::text::{Text, indented, shown};
use cci_engine::event::Event;
use cci_engine::reporter::Reporter;

/// How much is printed, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each way of speaking")]
pub(crate) struct Voice {
    /// Only results, warnings and errors.
    pub(crate) quiet: bool,
    /// Colour on stderr.
    pub(crate) color: bool,
    /// Errors as one JSON object.
    pub(crate) json_errors: bool,
    /// Nothing at all: somebody else's screen is under the cursor.
    pub(crate) silent: bool,
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The user said yes.
    Yes,
    /// The user said no.
    No,
    /// There is nobody to ask.
    NoTerminal,
}

/// A failure as `--format json` prints it on stderr.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "a failure of cci")]
pub(crate) struct ReportedError {
    error: Reported,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reported {
    /// One of the stable codes in `misc/error-codes.md`.
    code: &'static str,
    /// What failed, naming the thing.
    message: String,
    /// The command or change that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    hint: Option<String>,
}

impl ReportedError {
    fn new(error: &Error) -> Self {
        Self { error: Reported { code: error.code(), message: error.to_string(), hint: hint(error) } }
    }
}

/// The terminal or pipe that cci talks to.
pub(crate) struct Terminal {
    voice: Voice,
    bar: Mutex<Bar>,
}

impl Terminal {
    /// Finds out itself whether stderr is a terminal.
    pub(crate) fn new(voice: Voice) -> Self {
        let shown = io::stderr().is_terminal() && !voice.quiet;
        Self { voice, bar: Mutex::new(Bar::new(shown)) }
    }

    /// Writes a result to stdout; a reader that has closed the pipe (`| head`) is no error.
    pub(crate) fn result(text: &Text) -> Result<()> {
        Self::raw(text.as_str().as_bytes())
    }

    /// Byte for byte, for output that is promised so: a command's, a pane with its colours, a script for a shell.
    pub(crate) fn raw(bytes: &[u8]) -> Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|source| Error::Host { step: "write to", path: "standard output".into(), source }),
        }
    }

    /// An error and its hint, on stderr.
    pub(crate) fn failure(&self, error: &Error) {
        if self.voice.json_errors {
            self.line(&json::line(&ReportedError::new(error)));
            return;
        }
        if matches!(error, Error::Interrupted) {
            self.line("Interrupted");
            return;
        }
        self.line(&format!("{} {}", self.painted("error:", "\x1b[1;31m"), indented(error)));
        if let Some(hint) = hint(error) {
            self.hint_line(&hint);
        }
    }

    /// The timeline that `--timing` asks for: also when quiet.
    pub(crate) fn timing(&self, lines: &[String]) {
        for line in lines {
            self.line(&shown(line));
        }
    }

    /// What a question or an approval is about: also when quiet.
    pub(crate) fn always(&self, text: &Text) {
        self.line(text.as_str().trim_end_matches('\n'));
    }

    /// The last step: what comes here is a [`Text`], or has passed [`shown`], [`indented`] or [`json::line`].
    fn line(&self, line: &str) {
        if self.voice.silent {
            return;
        }
        locked(&self.bar).suspended(|| {
            // nobody is left to tell when stderr is gone
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    fn hint_line(&self, line: &str) {
        self.line(&format!("{} {}", self.painted("hint:", "\x1b[1;36m"), shown(line)));
    }

    fn painted(&self, word: &str, start: &str) -> String {
        if self.voice.color { format!("{start}{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// What the front end reports itself.
impl Terminal {
    /// A step has begun that may take a moment: shown as `[scope] text` or on a spinner.
    pub(crate) fn step(&self, scope: &str, text: &str) {
        let text = &shown(text);
        if !locked(&self.bar).step(text) && !self.voice.quiet {
            let _ = writeln!(io::stderr(), "[{scope}] {text}");
        }
    }

    /// A line that belongs to the result of the verb, such as `Session ID: …`.
    pub(crate) fn note(&self, line: &str) {
        if !self.voice.quiet {
            self.line(&shown(line));
        }
    }

    /// Something the user should know although the verb continues.
    pub(crate) fn warn(&self, line: &str) {
        self.line(&format!("{} {}", self.painted("warning:", "\x1b[1;33m"), indented(line)));
    }

    /// A failure that ends nothing, with its way out.
    pub(crate) fn warn_of(&self, error: &Error) {
        self.warn(&error.to_string());
        if let Some(hint) = hint(error) {
            self.hint(&hint);
        }
    }

    /// The command or change that helps, as `hint: …`.
    pub(crate) fn hint(&self, line: &str) {
        if !self.voice.quiet {
            self.hint_line(line);
        }
    }

    /// Nothing is in progress: removes the spinner or bar.
    pub(crate) fn idle(&self) {
        locked(&self.bar).show(None);
    }

    /// Asks `question [y/N]`.
    pub(crate) async fn confirm(&self, question: &str) -> Result<Answer> {
        if !question::is_possible() {
            return Ok(Answer::NoTerminal);
        }
        let prompt = shown(question);
        let _paused = Paused::new(&self.bar);
        let ask = || dialoguer::Confirm::new().with_prompt(prompt).default(false).interact();
        let agreed = question::ask(ask).await?;
        Ok(if agreed { Answer::Yes } else { Answer::No })
    }

    /// Asks for a secret, which is not shown.
    pub(crate) async fn secret(&self, what: &str) -> Result<String> {
        if !question::is_possible() {
            return Err(Error::usage("a secret is read from standard input, or from a terminal"));
        }
        let prompt = shown(what);
        let _paused = Paused::new(&self.bar);
        question::ask(|| dialoguer::Password::new().with_prompt(prompt).interact()).await
    }

    /// Lets the user choose one of several; `None` where nobody is asked or nothing is chosen.
    pub(crate) async fn choose(&self, question: &str, several: &[String]) -> Result<Option<usize>> {
        if !question::is_possible() {
            return Ok(None);
        }
        let several: Vec<String> = several.iter().map(shown).collect();
        let prompt = shown(question);
        let _paused = Paused::new(&self.bar);
        // Escape chooses nothing
        question::ask(|| dialoguer::Select::new().with_prompt(prompt).items(several).default(0).interact_opt()).await
    }
}

impl Reporter for Terminal {
    fn emit(&self, event: Event) {
        match told(&event) {
            Telling::Step { scope, text } => self.step(scope, &text),
            Telling::Notes(lines) => lines.iter().for_each(|line| self.note(line)),
            Telling::Warning { text, hint } => {
                self.warn(&text);
                if let Some(hint) = hint {
                    self.hint(&hint);
                }
            }
            Telling::Progress { text, amount } => {
                locked(&self.bar).show(Some(Progress { text: shown(text), amount }));
            }
            Telling::Idle => self.idle(),
        }
    }
}
