//! The whole command line as clap has it, with the headings that every help page shares.

use clap::{Arg, Command, CommandFactory};

use super::args::Cli;

/// The heading of what a verb takes beside its names; the global flags have one of their own.
pub(crate) const FLAGS: &str = "Flags";

/// The command line to parse with: what a verb takes is made when the verb is met.
pub(crate) fn command() -> Command {
    Cli::command()
}

/// The same with everything made, to be shown: the derive gives a heading to the top level only.
pub(crate) fn whole() -> Command {
    let mut command = command();
    command.build();
    with_headings(command)
}

fn with_headings(command: Command) -> Command {
    command.mut_args(under_a_heading).mut_subcommands(with_headings)
}

fn under_a_heading(arg: Arg) -> Arg {
    if arg.is_positional() || arg.get_help_heading().is_some() { arg } else { arg.help_heading(FLAGS) }
}
