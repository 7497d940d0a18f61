//! `cci secret`: what sessions' requests carry, and no container ever has.

mod list;
pub(super) mod names;
mod set;

use std::sync::Arc;

use cci_core::Result;
use cci_core::secret::SecretName;
use cci_engine::blocking::blocking;
use cci_host::caller::Caller;
use cci_host::secrets::Secrets;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use self::list::Listed;
use self::set::SetArgs;
use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg};
use super::verb::{Call, Offline, Verb};
use crate::ui::terminal::Terminal;

/// Keep secrets that sessions use and never see
///
/// A session finds a placeholder in its environment. A request that it makes through `/run/cci/secrets.sock`, or the proxy
/// <http://127.0.0.1:7288> in the container, carries the value in its place, to the hosts of the secret and nowhere else.
/// Where `network.allowed_domains` lists such a host by name, so does any request to it by https.
#[derive(Debug, Args)]
#[command(
    after_help = "Through the socket and the proxy, requests are made with http://; from this host on they are encrypted. In mode `allowlist`, programs that ask a listed host of a secret by https (port 443) carry it as well: TLS is ended on this host for it, with a certificate of an authority of your own (~/.cci/authority) that only your containers trust. What is in a URL or in a body is not replaced, and what is for no secret is passed on as it came. `cci run` starts no session and has no secrets.\n\nExamples:\n  cci secret set WEATHER_KEY --host api.weather.example < key.txt\n  cci secret set github --github --command 'gh auth token'\n  cci secret list --format=json | jq -r '.secrets[].name'\n  curl --unix-socket /run/cci/secrets.sock -H \"X-Api-Key: $WEATHER_KEY\" http://api.weather.example/today     in a container"
)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    verb: SecretVerb,
}

#[derive(Debug, Subcommand)]
enum SecretVerb {
    /// Keep a secret, or replace it
    ///
    /// The value is read from standard input, or asked for. It is kept in `~/.cci/secrets`, for this user only. Sessions
    /// that run use a new value at once; a secret that is new is for sessions that are started later.
    #[command(
        after_help = "Examples:\n  cci secret set WEATHER_KEY --host api.weather.example < key.txt\n  cci secret set intranet --host http://intranet:8080 --env TOKEN    in the clear\n  cci secret set vault --host api.example.com --command 'pass show api'\n  cci secret set github --github                                     asks for the token; git and gh use it\n  cci secret set github --keep --repository ann/tool                 one repository more"
    )]
    Set(SetArgs),
    /// The secrets and what they are for, without their values
    #[command(
        after_help = "Examples:\n  cci secret list\n  cci secret list --format=json | jq -r '.secrets[].hosts[]'"
    )]
    List {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Remove a secret
    ///
    /// Requests of sessions that run no longer carry it.
    #[command(after_help = "Examples:\n  cci secret remove WEATHER_KEY")]
    Remove {
        /// The secret
        #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::secrets))]
        name: SecretName,
    },
}

impl Verb for SecretArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Listed>("secret-list", "the secrets that sessions use and never see")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            SecretVerb::List { format } => Some(format.format),
            SecretVerb::Set(_) | SecretVerb::Remove { .. } => None,
        }
    }
}

impl Offline for SecretArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let caller = Caller::of_this_process()?;
        caller.refuse_anothers_home()?;
        let secrets = Secrets::of(&caller.cci_dir());
        match self.verb {
            SecretVerb::Set(args) => set::run(args, secrets, call.terminal).await,
            SecretVerb::List { format } => list::run(format, secrets).await,
            SecretVerb::Remove { name } => remove(name, secrets, call.terminal).await,
        }
    }
}

async fn remove(name: SecretName, secrets: Secrets, terminal: &Arc<Terminal>) -> Result<u8> {
    let removed = name.clone();
    blocking(move || secrets.remove(&removed)).await?;
    terminal.note(&format!("Removed secret {name}"));
    Ok(0)
}
