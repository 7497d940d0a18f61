//! A verb as clap has it: its own arguments, the launch flags, and the headings that every help page shares.

use clap::builder::Resettable;
use clap::{Arg, Command};

use super::flags::{FLAGS, GlobalArgs};
use super::launch_flags::LaunchFlag;
use super::verb::Verb;

/// Builds a verb's arguments; clap asks for them when the verb is parsed.
pub(crate) fn define<V: Verb>(verb: Command) -> Command {
    completed::<V>(V::augment_args(verb), &GlobalArgs::at_a_verb(), &[])
}

/// Adds the flags that it does not have yet, of which the help shows those that this verb accepts; the same for the
/// verbs below it.
fn completed<V: Verb>(command: Command, flags: &[Arg], below: &[&str]) -> Command {
    let accepted = V::launch_flags(below);
    let foreign = |flag: &Arg| LaunchFlag::ALL.iter().any(|one| flag.get_id() == one.id() && !accepted.contains(one));
    let missing = |flag: &&Arg| !command.get_arguments().any(|there| there.get_id() == flag.get_id());
    let own: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
    let here = |flag: &Arg| without_taken_names(flag.clone().hide(foreign(flag)), &own);
    let flags_here: Vec<Arg> = flags.iter().filter(missing).map(here).collect();
    command.mut_args(under_a_heading).args(flags_here).mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        completed::<V>(verb, flags, &[below, &[name.as_str()]].concat())
    })
}

/// A verb's own flag comes before a name of a global one.
fn without_taken_names(flag: Arg, own: &[&str]) -> Arg {
    let is_own = flag.get_long().is_some_and(|name| own.contains(&name));
    let flag = if is_own { flag.long(Resettable::Reset) } else { flag };
    let is_taken = flag.get_all_aliases().into_iter().flatten().any(|alias| own.contains(&alias));
    if is_taken { flag.alias(Resettable::Reset) } else { flag }
}

/// The derive gives a heading to the top level only.
pub(crate) fn under_a_heading(arg: Arg) -> Arg {
    if arg.is_positional() || arg.get_help_heading().is_some() { arg } else { arg.help_heading(FLAGS) }
}
