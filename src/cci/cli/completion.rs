//! `cci completion`: the script that makes a shell ask cci itself what can be typed next.

use cci_core::{Error, Result};
use clap::{Args, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use super::command::command;
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

/// Prints the script; it calls `cci` for every candidate, so it never grows old.
pub(crate) fn run(args: &CompletionArgs) -> Result<u8> {
    let mut script = Vec::new();
    args.shell
        .script()
        .write_registration(ASKED, "cci", "cci", "cci", &mut script)
        .map_err(|error| Error::Internal(format!("no completion script: {error}")))?;
    Terminal::bytes(&script).map(|()| 0)
}

/// Whether a shell asked for candidates, which are then on stdout; what goes wrong stays silent, for a person is typing.
pub(crate) fn answered() -> bool {
    if std::env::var_os(ASKED).is_none_or(|shell| shell.is_empty()) {
        return false;
    }
    let current_dir = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(ASKED);
    asked.try_complete(std::env::args_os(), current_dir.as_deref()).unwrap_or(true)
}
