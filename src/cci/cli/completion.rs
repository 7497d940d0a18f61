//! `cci completion`: the script by which a shell asks cci itself for completions.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use cci_core::{Error, Result};
use cci_guest::text::is_unseen;
use clap::{Args, Command, ValueEnum};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Shells, Zsh};

use super::launch_flags::LaunchFlag;
use super::verb::{Call, Offline, Verb};
use crate::ui::terminal::Terminal;

/// The variable by which a shell's script asks for candidates.
const ASKED: &str = "CCI_COMPLETE";

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(cci completion bash)                                   for this shell\n  cci completion bash > ~/.local/share/bash-completion/completions/cci\n  cci completion zsh > \"${fpath[1]}/_cci\"\n  cci completion fish > ~/.config/fish/completions/cci.fish"
)]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Shell {
    fn script(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
            Self::Powershell => &Powershell,
        }
    }
}

impl Verb for CompletionArgs {
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }
}

impl Offline for CompletionArgs {
    // the script calls `cci` for every candidate, so it is never out of date
    async fn run(self, _: &Call<'_>) -> Result<u8> {
        let mut script = Vec::new();
        self.shell
            .script()
            .write_registration(ASKED, "cci", "cci", "cci", &mut script)
            .map_err(|error| Error::Internal(format!("cannot write the completion script: {error}")))?;
        Terminal::raw(&script).map(|()| 0)
    }
}

/// Whether a shell asked for candidates, which are then on stdout; errors stay silent, because a user is typing.
pub(crate) fn answered(cci: fn() -> Command) -> bool {
    let Some(shell) = std::env::var_os(ASKED).filter(|shell| !shell.is_empty()) else { return false };
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    if let Some(offered) = offered(cci(), &shell, words) {
        // a shell that stops reading has what it wants
        let _ = Terminal::raw(visible(&offered, &separator()).as_bytes());
    }
    true
}

/// clap's candidates for the last of these words, including files of this directory, in the shell's form.
fn offered(mut cci: Command, shell: &OsStr, words: Vec<OsString>) -> Option<String> {
    let name = Path::new(shell).file_stem()?.to_str()?;
    let shells = Shells::builtins();
    let completer = shells.completer(name)?;
    let current_dir = std::env::current_dir().ok();
    let mut offered = Vec::new();
    completer.write_complete(&mut cci, words, current_dir.as_deref(), &mut offered).ok()?;
    String::from_utf8(offered).ok()
}

/// What the shell wants between two candidates.
fn separator() -> String {
    std::env::var("_CLAP_IFS").ok().filter(|given| !given.is_empty()).unwrap_or_else(|| "\n".to_owned())
}

/// Drops candidates that would steer the terminal on which the shell shows them; a tab separates a name from its
/// description.
fn visible(offered: &str, separator: &str) -> String {
    let harmless = |one: &&str| !one.chars().any(|c| c != '\t' && is_unseen(c));
    let end = if offered.ends_with('\n') { "\n" } else { "" };
    let parts = offered.strip_suffix('\n').unwrap_or(offered).split(separator);
    parts.filter(harmless).collect::<Vec<_>>().join(separator) + end
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn a_name_that_steers_the_terminal_is_not_offered() {
        assert_eq!(visible("a\u{b}\u{1b}]0;x\u{7}\u{b}b", "\u{b}"), "a\u{b}b");
        assert_eq!(visible("a\tabout a\nb\u{202e}\tabout b\nc\n", "\n"), "a\tabout a\nc\n");
        assert_eq!(visible("", "\n"), "");
    }
}
