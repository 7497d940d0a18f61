//! `cci version`: two lines, without Incus and without configuration.

use cci_core::Result;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{FormatArg, print};
use crate::ui::text::Text;

/// Print the version
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:\n  cci version\n  cci version --format=json | jq -r .version")]
pub(crate) struct VersionArgs {
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci version")]
pub(crate) struct Program {
    name: String,
    /// Of a build from a git checkout with the number of commits, the newest one, and `-dirty`.
    version: &'static str,
    repository: &'static str,
}

/// Prints the name with its version, then where the source is.
pub(crate) fn run(args: &VersionArgs) -> Result<u8> {
    let program = Program {
        name: format!("{} (cci)", project()),
        version: env!("CCI_VERSION"),
        repository: env!("CARGO_PKG_REPOSITORY"),
    };
    print(args.format.format, &program, |this| {
        Text::one(format_args!("{} v{}", this.name, this.version)).with(this.repository)
    })
}

/// The project is called like its repository; the program has the short name.
fn project() -> &'static str {
    let repository = env!("CARGO_PKG_REPOSITORY");
    repository.rsplit('/').next().unwrap_or(repository)
}
