//! `cci secret list`: what is kept, and never a value.

use cci_core::Result;
use cci_core::secret::SecretName;
use cci_engine::blocking::blocking;
use cci_guest::GuestText;
use cci_host::secrets::{Secret, Secrets, Source};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{FormatArg, print};
use crate::ui::text::Text;

/// What `list --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci secret list")]
pub(crate) struct Listed {
    /// The secrets, by name.
    secrets: Vec<One>,
}

/// A secret.
#[derive(Debug, Serialize, JsonSchema)]
struct One {
    /// Its name.
    name: String,
    /// The hosts that get it; one that is not encrypted to begins with `http://`.
    hosts: Vec<String>,
    /// The variable of the agent's environment that its placeholder is in.
    variable: String,
    /// What is in that variable.
    placeholder: String,
    /// Where its value is from: `value` if it is kept, or `command`.
    source: &'static str,
    /// The command of this host that prints it; empty if it is kept.
    command: String,
    /// Whether it is a token of GitHub's, or of a server like it.
    github: bool,
    /// Whether that is for all repositories.
    any_repository: bool,
    /// The repositories that it is for besides those of a workspace's remotes.
    repositories: Vec<String>,
}

impl One {
    fn of(name: &SecretName, secret: &Secret) -> Self {
        let (source, command) = match &secret.source {
            Source::Value(_) => ("value", String::new()),
            Source::Command(command) => ("command", command.clone()),
        };
        let github = secret.github.as_ref();
        Self {
            name: name.to_string(),
            hosts: secret.hosts.iter().map(ToString::to_string).collect(),
            variable: secret.variable.clone(),
            placeholder: name.placeholder(),
            source,
            command,
            github: github.is_some(),
            any_repository: github.is_some_and(|github| github.any),
            repositories: github.into_iter().flat_map(|github| &github.named).map(ToString::to_string).collect(),
        }
    }
}

pub(super) async fn run(args: FormatArg, secrets: Secrets) -> Result<u8> {
    let all = blocking(move || secrets.all()).await?;
    let listed = Listed { secrets: all.iter().map(|(name, secret)| One::of(name, secret)).collect() };
    print(args.format, &listed, text)
}

fn text(listed: &Listed) -> Text {
    let mut out = Text::default();
    if listed.secrets.is_empty() {
        out.line("No secrets");
    }
    for secret in &listed.secrets {
        out.line(format_args!("{}: in requests to {}", secret.name, secret.hosts.join(", ")));
        out.line(format_args!("  In containers: {}={}", secret.variable, secret.placeholder));
        if !secret.command.is_empty() {
            out.line(format_args!("  Value: what `{}` prints", GuestText::new(&secret.command)));
        }
        if secret.github {
            let named = secret.repositories.iter().map(String::as_str);
            let which: Vec<&str> = std::iter::once("the workspace's remotes").chain(named).collect();
            let which = if secret.any_repository { "all".to_owned() } else { which.join(", ") };
            out.line(format_args!("  Repositories: {which}"));
        }
    }
    out
}
