//! The whole command line as a clap command, and what was typed of it.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;

use super::flags::GlobalArgs;
use super::launch_flags::LaunchFlag;
use super::schema;
use super::verb_command::under_a_heading;
use super::verbs::{AnyVerb, ROWS, Row, schemas};

/// Run coding agents in Incus system containers
#[derive(Debug, Parser)]
#[command(
    name = "cci",
    bin_name = "cci",
    about = env!("CARGO_PKG_DESCRIPTION"),
    disable_version_flag = true,
    disable_help_flag = true,
    after_help = examples()
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: TopFlags,
    #[command(subcommand)]
    pub(crate) verb: Option<AnyVerb>,
}

// what is allowed without a verb
#[derive(Debug, Args)]
pub(crate) struct TopFlags {
    /// Print the version
    #[arg(long, short = 'V', exclusive = true)]
    pub(crate) version: bool,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

fn examples() -> String {
    format!(
        "Examples:\n  cci shell                    start {agent} in a container, with this directory at /workspace\n  cci shell --resume           resume the newest conversation of this directory\n  cci run -- npm test          run one command in a fresh container\n  cci list                     show the containers",
        agent = cci_agent::default_agent().title()
    )
}

/// The whole command; the arguments of a verb are built when it is parsed.
pub(crate) fn command() -> Command {
    Cli::command().mut_args(under_a_heading).mut_subcommands(|verb| match row(verb.get_name()) {
        Some(row) => verb.defer(row.define),
        None => verb,
    })
}

/// The same with everything built, for help and reference pages.
pub(crate) fn whole() -> Command {
    let mut command = command();
    command.build();
    command.mut_subcommands(|verb| {
        if verb.get_name() != schema::NAME {
            return verb;
        }
        // a verb does not know the other verbs
        verb.mut_arg("name", |name| name.add(ArgValueCandidates::new(schema_names)))
    })
}

/// What was typed, and the words of its verb.
pub(crate) fn parsed(argv: &[OsString]) -> clap::error::Result<(Cli, String)> {
    let matches = command().try_get_matches_from(argv)?;
    if let Some((verb, flag)) = misplaced(&matches) {
        return Err(whole().error(ErrorKind::ArgumentConflict, format!("`{verb}` takes no '{flag}'")));
    }
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut whole()))?;
    cli.flags.global.launch.take_over(&matches)?;
    Ok((cli, words(&matches).join(" ")))
}

/// The verb, and the first launch flag that was typed and that it does not accept.
fn misplaced(matches: &ArgMatches) -> Option<(String, String)> {
    let verb = words(matches);
    let accepted = accepted_flags(&verb);
    let flag = LaunchFlag::ALL.iter().find(|flag| !accepted.contains(flag) && is_typed(matches, **flag))?;
    Some((format!("cci {}", verb.join(" ")), format!("--{}", flag.id().replace('_', "-"))))
}

/// The launch flags that a verb accepts; no verb means `shell`.
fn accepted_flags(verb: &[&str]) -> &'static [LaunchFlag] {
    match verb.split_first() {
        None => LaunchFlag::ALL,
        Some((verb, below)) => row(verb).map_or(&[], |row| (row.launch_flags)(below)),
    }
}

/// Whether it was typed, before the verb or after it.
fn is_typed(matches: &ArgMatches, flag: LaunchFlag) -> bool {
    matches.value_source(flag.id()) == Some(ValueSource::CommandLine)
        || matches.subcommand().is_some_and(|(_, below)| is_typed(below, flag))
}

fn words(matches: &ArgMatches) -> Vec<&str> {
    std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand()).map(|(word, _)| word).collect()
}

fn row(verb: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == verb)
}

fn schema_names() -> Vec<CompletionCandidate> {
    schemas().iter().map(|one| CompletionCandidate::new(one.name).help(Some(one.what.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::LaunchArgs;

    fn flags_of(line: &str) -> GlobalArgs {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parsed(&words).unwrap_or_else(|error| panic!("{line}: {error}")).0.flags.global
    }

    #[test]
    fn a_flag_is_the_same_before_and_after_the_verb_and_the_last_one_wins() {
        let shown = |line: &str| format!("{:?}", flags_of(line));
        for (before, after) in [
            ("cci --slot 2 shell", "cci shell --slot 2"),
            ("cci --slot 2", "cci shell --slot 2"),
            ("cci -w /x -e A -e B=c run true", "cci run -w /x -e A -e B=c true"),
            ("cci --persistent --image x shell", "cci shell --persistent --image x"),
            ("cci --env-file x container exec c1 true", "cci container exec --env-file x c1 true"),
            ("cci container --env-file x exec c1 true", "cci container exec --env-file x c1 true"),
            ("cci --slot 1 shell --slot 2", "cci shell --slot 2"),
            ("cci --slot 2 shell --slot 0", "cci shell"),
            ("cci --config x list", "cci list --config x"),
            ("cci -q --timing list", "cci list --quiet --timing"),
            ("cci -vv --no-color image exists x", "cci image exists -vv --no-color x"),
        ] {
            assert_eq!(shown(before), shown(after), "{before}");
        }
        assert_eq!(flags_of("cci --slot 2 shell --workspace /x").launch.slot, 2);
        assert_eq!(flags_of("cci shell --resume=s1").launch.resume.as_deref(), Some("s1"));
    }

    #[test]
    fn every_verb_has_its_row_under_its_name() {
        let command = Cli::command();
        let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(ROWS.iter().map(|row| row.name).collect::<Vec<_>>(), verbs);
    }

    #[test]
    fn what_clap_refuses_in_a_definition_is_in_none() {
        whole().debug_assert();
    }

    fn misplaced_in(line: &str) -> Option<String> {
        let words = line.split(' ');
        let matches = command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        misplaced(&matches).map(|(verb, flag)| format!("{verb}: {flag}"))
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_misplaced_before_and_after_the_verb() {
        for (line, want) in [
            ("cci kill --all --slot 2", "cci kill: --slot"),
            ("cci --slot 2 kill --all", "cci kill: --slot"),
            ("cci version --slot 2", "cci version: --slot"),
            ("cci list -w /x", "cci list: --workspace"),
            ("cci run --resume -- true", "cci run: --resume"),
            ("cci attach --image x", "cci attach: --image"),
            ("cci tmux capture c1 --env-file x", "cci tmux capture: --env-file"),
            ("cci file pull c1:/x . --persistent", "cci file pull: --persistent"),
            ("cci completion bash --config x", "cci completion: --config"),
        ] {
            assert_eq!(misplaced_in(line).as_deref(), Some(want), "{line}");
        }
    }

    #[test]
    fn what_a_verb_accepts_is_accepted_before_and_after_the_verb() {
        for line in [
            "cci --slot 2 --resume",
            "cci --slot 2 shell --background",
            "cci run --slot 2 --persistent -e A -- true",
            "cci --workspace /x attach --slot 1",
            "cci list --config x",
            "cci clean --persistent",
            "cci container exec -e A c1 -- true",
            "cci config show --network open",
            "cci version --quiet",
        ] {
            assert_eq!(misplaced_in(line), None, "{line}");
        }
    }

    #[test]
    fn every_launch_flag_is_listed_and_a_flag() {
        let flags: Vec<String> = LaunchArgs::augment_args(Command::new("launch"))
            .get_arguments()
            .map(|flag| flag.get_id().to_string())
            .collect();
        let mut listed: Vec<&str> = LaunchFlag::ALL.iter().map(|flag| flag.id()).collect();
        listed.sort_by_key(|id| flags.iter().position(|flag| flag == id));
        assert_eq!(listed, flags);
    }
}
