//! Which of the launch flags mean something to which verb; to the others they are a usage error, and no part of their help.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// Every flag that says something of a launch or chooses a session, by its name in clap; last the one that only a
/// conversation has.
static ALL: [&str; 12] = [
    "workspace",
    "slot",
    "image",
    "persistent",
    "profile",
    "env",
    "env_file",
    "mount",
    "storage",
    "network",
    "config",
    "resume",
];

/// What a verb takes of them; each verb that works with Incus takes the file that says where Incus is.
fn taken(verb: &[&str]) -> &'static [&'static str] {
    match verb {
        [] | ["shell"] => &ALL,
        ["run"] => &ALL[..ALL.len() - 1],
        // they show what a launch would get
        ["config" | "profile", ..] => {
            &["workspace", "image", "persistent", "profile", "mount", "storage", "network", "config"]
        }
        ["attach"] => &["workspace", "slot", "profile", "env", "env_file", "config"],
        ["container", "launch"] | ["network", ..] => &["workspace", "profile", "network", "config"],
        ["container", "exec"] => &["env", "env_file", "config"],
        ["bench"] => &["image", "profile", "network", "config"],
        ["reclaim"] => &["workspace", "image", "config"],
        ["build", ..] | ["info"] => &["workspace", "config"],
        ["setup" | "doctor"] => &["image", "config"],
        ["clean"] => &["persistent", "config"],
        ["schema" | "completion" | "reference" | "version" | "help", ..] => &[],
        _ => &["config"],
    }
}

/// Whether a verb takes an argument: all that are no launch flags are its own.
pub(super) fn takes(verb: &[&str], argument: &str) -> bool {
    !ALL.contains(&argument) || taken(verb).contains(&argument)
}

/// The words of the verb, and what was matched there.
pub(super) fn verb_of(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let (mut verb, mut at) = (Vec::new(), matches);
    while let Some((name, below)) = at.subcommand() {
        verb.push(name);
        at = below;
    }
    (verb, at)
}

/// The verb, and the first launch flag that was typed and means nothing to it.
pub(super) fn misplaced(matches: &ArgMatches) -> Option<(String, String)> {
    let (verb, at) = verb_of(matches);
    let typed = |flag: &&str| at.value_source(flag) == Some(ValueSource::CommandLine);
    let flag = ALL.into_iter().find(|flag| typed(flag) && !taken(&verb).contains(flag))?;
    Some((format!("cci {}", verb.join(" ")), format!("--{}", flag.replace('_', "-"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command::whole;

    fn misplaced_in(line: &str) -> Option<String> {
        let words = line.split(' ');
        let matches = whole().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
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
    fn what_means_something_is_taken_before_and_after_the_verb() {
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
    fn every_launch_flag_is_a_flag() {
        let command = whole();
        for flag in ALL {
            assert!(command.get_arguments().any(|arg| arg.get_id() == flag), "{flag}");
        }
    }
}
