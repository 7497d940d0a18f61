//! A verb as clap has it: its own arguments, the launch flags, and the headings that every help page shares.

use clap::{Arg, Command};

use super::flags::{FLAGS, GlobalArgs};
use super::launch_flags::LaunchFlag;
use super::verb::Verb;

/// Makes what a verb takes; clap asks for it when the verb is met.
pub(crate) fn define<V: Verb>(verb: Command) -> Command {
    completed::<V>(V::augment_args(verb), &GlobalArgs::at_a_verb(), &[])
}

/// With the flags that it has not got by now, of which the help shows those that mean something to this verb, and the
/// same below it.
fn completed<V: Verb>(command: Command, flags: &[Arg], below: &[&str]) -> Command {
    let taken = V::launch_flags(below);
    let foreign = |flag: &Arg| LaunchFlag::ALL.iter().any(|one| flag.get_id() == one.id() && !taken.contains(one));
    let missing = |flag: &&Arg| !command.get_arguments().any(|there| there.get_id() == flag.get_id());
    let flags_here: Vec<Arg> = flags.iter().filter(missing).map(|flag| flag.clone().hide(foreign(flag))).collect();
    command.mut_args(under_a_heading).args(flags_here).mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        completed::<V>(verb, flags, &[below, &[name.as_str()]].concat())
    })
}

/// The derive gives a heading to the top level only.
pub(crate) fn under_a_heading(arg: Arg) -> Arg {
    if arg.is_positional() || arg.get_help_heading().is_some() { arg } else { arg.help_heading(FLAGS) }
}
