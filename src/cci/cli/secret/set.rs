//! `cci secret set`: keeps a value that is never on a command line.

use std::sync::Arc;

use cci_core::environment::{is_plain, is_variable_name};
use cci_core::secret::{GitHub, Repository, SecretHost, SecretName, SecretValue};
use cci_core::{Error, Result};
use cci_engine::blocking::blocking;
use cci_host::secrets::{Secret, Secrets, Source};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::complete;
use crate::cli::login::add::read;
use crate::ui::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Its name: letters, digits, `-` and `_`
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::secrets))]
    name: SecretName,
    /// A host that gets it, by https; `http://HOST` is not encrypted. May be given several times, and replaces those before
    #[arg(long = "host", value_name = "[http://]HOST[:PORT]")]
    hosts: Vec<SecretHost>,
    /// The variable that its placeholder is in; without it the name in capitals
    #[arg(long = "env", value_name = "VAR")]
    variable: Option<String>,
    /// Take what this command of the host prints, whenever a request needs it
    #[arg(long, value_name = "COMMAND", conflicts_with = "keep")]
    command: Option<String>,
    /// Keep the value that is there, and change the rest
    #[arg(long)]
    keep: bool,
    /// It is a token of GitHub's, or of the server like it that --host names: git and gh use it
    #[arg(long)]
    github: bool,
    /// A repository that the token is for besides those of a workspace's remotes; may be given several times
    #[arg(long = "repository", value_name = "OWNER/NAME", conflicts_with = "any_repository")]
    repositories: Vec<Repository>,
    /// The token is for every repository that it opens
    #[arg(long)]
    any_repository: bool,
}

pub(super) async fn run(args: SetArgs, secrets: Secrets, terminal: &Arc<Terminal>) -> Result<u8> {
    let (kept, name) = (secrets.clone(), args.name.clone());
    let before = blocking(move || if args.keep { kept.require(&name).map(Some) } else { kept.read(&name) }).await?;
    // a mistake is said before anything is asked
    let (hosts, variable, github) = described(&args, before.as_ref())?;
    let source = match (args.command, before) {
        (Some(command), _) if command.trim().is_empty() => return Err(Error::usage("--command names no command")),
        (Some(command), _) => Source::Command(command),
        (None, Some(before)) if args.keep => before.source,
        (None, _) => Source::Value(value(terminal).await?),
    };
    for host in hosts.iter().filter(|host| host.scheme() == cci_core::secret::Scheme::Http) {
        terminal.warn(&format!("{host} gets the value in the clear: whoever is on the way can read it"));
    }
    let secret = Secret { hosts, variable, source, github };
    let (name, variable) = (args.name.clone(), secret.variable.clone());
    blocking(move || secrets.put(&name, &secret)).await?;
    terminal.note(&format!("Kept secret {}: sessions find its placeholder in {variable}", args.name));
    Ok(0)
}

async fn value(terminal: &Arc<Terminal>) -> Result<SecretValue> {
    read(terminal, "Value").await?.parse().map_err(|error| Error::usage(format!("{error}")))
}

/// What it is for: as it was where nothing else is said.
fn described(args: &SetArgs, before: Option<&Secret>) -> Result<(Vec<SecretHost>, String, Option<GitHub>)> {
    let bound = args.any_repository || !args.repositories.is_empty();
    let was = before.and_then(|before| before.github.clone());
    let github = match was {
        None if !args.github && bound => return Err(Error::usage("only a token of --github has repositories")),
        None if !args.github => None,
        was => {
            let mut github = was.unwrap_or_default();
            github.any = args.any_repository || github.any && args.repositories.is_empty();
            github.named.extend(args.repositories.iter().cloned());
            Some(github)
        }
    };
    let hosts = match (&args.hosts[..], before, &github) {
        ([], Some(before), _) if before.github.is_some() == github.is_some() => before.hosts.clone(),
        ([], _, Some(_)) => vec![GitHub::usual()],
        ([], _, None) => return Err(Error::usage("name the hosts that get it with --host")),
        ([_, _, ..], _, Some(_)) => return Err(Error::usage("a token of --github is for one host")),
        (hosts, _, _) => hosts.to_vec(),
    };
    let usual = || match (&github, &hosts[..]) {
        (Some(_), [host]) => GitHub::variable(host).to_owned(),
        _ => args.name.variable(),
    };
    let kept = before.map(|before| before.variable.clone());
    let variable = args.variable.clone().or(kept).unwrap_or_else(usual);
    if !is_variable_name(&variable) || is_plain(&variable) {
        return Err(Error::usage(format!("'{}' cannot be its variable", variable.escape_default())));
    }
    Ok((hosts, variable, github))
}
