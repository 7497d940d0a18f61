//! The whole command line as clap has it, with the headings that every help page shares.

use std::ffi::OsString;

use clap::{Arg, Args, Command, CommandFactory, Subcommand};

use super::args::{Cli, TopFlags, Verb};
use super::launch_flags;

/// The heading of what a verb takes beside its names; the global flags have one of their own.
pub(crate) const FLAGS: &str = "Flags";

/// All of it; what a verb takes is made when the verb is met.
pub(crate) fn command() -> Command {
    Cli::command()
}

/// The command line to parse these words with: it has the verbs that are among them, for clap copies every global flag
/// to each verb there is, which takes a millisecond. It accepts nothing else than the whole, and nothing in another way.
pub(crate) fn typed(argv: &[OsString]) -> Command {
    let top = Command::new("cci").disable_help_flag(true).disable_version_flag(true);
    let verbs = Verb::augment_subcommands(Command::new("verbs"));
    let is_typed = |verb: &&Command| {
        argv.iter().any(|word| word == verb.get_name() || verb.get_all_aliases().any(|name| word == name))
    };
    TopFlags::augment_args(top).subcommands(verbs.get_subcommands().filter(is_typed).cloned())
}

/// The same with everything made, to be shown: the derive gives a heading to the top level only.
pub(crate) fn whole() -> Command {
    let mut command = command();
    command.build();
    shown(command, &[])
}

/// With the headings of its help, and without the flags that mean nothing to it.
fn shown(command: Command, verb: &[&str]) -> Command {
    let command = command.mut_args(|arg| {
        let foreign = !launch_flags::takes(verb, arg.get_id().as_str());
        under_a_heading(arg).hide(foreign)
    });
    command.mut_subcommands(|below| {
        let name = below.get_name().to_owned();
        shown(below, &[verb, &[name.as_str()]].concat())
    })
}

fn under_a_heading(arg: Arg) -> Arg {
    if arg.is_positional() || arg.get_help_heading().is_some() { arg } else { arg.help_heading(FLAGS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    #[test]
    fn what_is_typed_means_what_it_means_to_the_whole() {
        for line in [
            "cci",
            "cci --version",
            "cci --slot 2",
            "cci --slot=2 shell --background --resume",
            "cci --workspace list shell --debug",
            "cci --workspace list",
            "cci ls --all --format=json -q",
            "cci -e run run --timeout 5 --env A=b -- list --format json",
            "cci container exec --user code c1 -- kill it",
            "cci tmux send --slot 3 c1 attach",
            "cci image list --timing",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let read = |command: Command| {
                let matches = command.try_get_matches_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
                format!("{:?}", Cli::from_arg_matches(&matches).unwrap())
            };
            assert_eq!(read(typed(&words)), read(whole()), "{line}");
        }
    }
}
