//! The first prompt of a session, as the command line gives it.

use std::path::{Path, PathBuf};

use cci_core::prompt::{LONGEST, Prompt, Wrong};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use clap::{Args, ValueHint};

use super::input::{self, is_stdin};
use cci_engine::blocking::blocking;
use cci_engine::context::Context;

/// No more than this is read: enough to see that it is too much.
const MOST: u64 = LONGEST as u64 + 1;

#[derive(Debug, Default, Args)]
pub(crate) struct PromptArgs {
    /// A first prompt, as it is; several words are joined by spaces, and `-` alone reads stdin (others on the host can read arguments in the process list)
    #[arg(value_name = "PROMPT")]
    words: Vec<String>,
    /// Read the first prompt from this file; `-` is stdin
    #[arg(long = "prompt-file", value_name = "PATH", conflicts_with = "words", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

impl PromptArgs {
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some() || !self.words.is_empty()
    }

    /// Whether it comes from the standard input.
    pub(super) fn is_on_stdin(&self) -> bool {
        self.place().is_some_and(is_stdin)
    }

    /// Refuses a word that was meant for a flag.
    pub(super) fn refuse_stray(&self) -> Result<()> {
        let [word] = &self.words[..] else { return Ok(()) };
        let looks_like_id = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        let hint = match word.as_str() {
            _ if looks_like_id => format!("a session id needs `=`: `cci shell --resume={word}`"),
            "true" | "false" => format!("the value of a flag needs `=`, as in `--persistent={word}`"),
            _ => return Ok(()),
        };
        Err(Error::Usage { problem: format!("unexpected argument '{word}'"), hint: Some(hint) })
    }

    /// Reads and checks it.
    pub(super) async fn read(&self, cx: &Context) -> Result<Option<Prompt>> {
        let Some(place) = self.place() else {
            let words = (!self.words.is_empty()).then(|| self.words.join(" ").into_bytes());
            return words.map(|words| checked(words, "the prompt")).transpose();
        };
        let (from, place, workspace) = (input::shown(place), place.to_owned(), cx.workspace.clone());
        let path = Workspace::resolve(&cx.caller.current_dir, &place).path().to_owned();
        let read = blocking(move || {
            let read =
                if is_stdin(&place) { input::standard_input(MOST) } else { input::of_file(&path, &workspace, MOST) };
            read.map_err(|error| {
                Error::usage(format!("the prompt cannot be read from {}: {error}", input::shown(&place)))
            })
        });
        // stdin may never end
        let bytes = cx.scope.until_cancelled(read).await?;
        checked(bytes, &format!("the prompt from {from}")).map(Some)
    }

    /// The file that it is read from.
    fn place(&self) -> Option<&Path> {
        match (&self.file, &self.words[..]) {
            (Some(file), _) => Some(file),
            (None, [word]) if is_stdin(Path::new(word)) => Some(Path::new(word)),
            _ => None,
        }
    }
}

fn checked(bytes: Vec<u8>, what: &str) -> Result<Prompt> {
    Prompt::new(bytes).map_err(|wrong| Error::Usage {
        problem: format!("{what} {wrong}"),
        hint: (wrong == Wrong::TooLarge)
            .then(|| "put it into a file of the workspace, and name that file in a short prompt".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> PromptArgs {
        PromptArgs { words: words.iter().map(|word| (*word).to_owned()).collect(), file: None }
    }

    #[test]
    fn a_dash_alone_is_the_standard_input() {
        assert!(words(&["-"]).is_on_stdin());
        assert!(!words(&["-", "x"]).is_on_stdin() && !words(&["--"]).is_on_stdin() && !words(&[]).is_on_stdin());
        let file = |name: &str| PromptArgs { words: Vec::new(), file: Some(name.into()) };
        assert!(file("-").is_on_stdin() && !file("./-").is_on_stdin());
    }

    #[test]
    fn a_word_that_was_meant_for_a_flag_is_no_prompt() {
        for stray in ["3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f", "3f2b8c1e", "true", "false"] {
            assert_eq!(words(&[stray]).refuse_stray().unwrap_err().exit(), 2, "{stray}");
        }
        for fine in [&["fix"][..], &["deadbeef", "is", "bad"], &["cafe"], &["true", "story"], &[]] {
            assert!(words(fine).refuse_stray().is_ok(), "{fine:?}");
        }
    }
}
