//! `cci version`: two lines, without Incus and without configuration.

use cci_core::Result;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, Offline, Verb};
use crate::ui::text::Text;

/// Print the version
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:\n  cci version\n  cci version --format=json | jq -r .version")]
pub(crate) struct VersionArgs {
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci version")]
struct Program {
    name: String,
    /// A build from a git checkout adds the number of commits, the newest one, and `-dirty`.
    version: &'static str,
    repository: &'static str,
}

impl Verb for VersionArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Program>("version", "the version")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl Offline for VersionArgs {
    async fn run(self, _: &Call<'_>) -> Result<u8> {
        let program = Program {
            name: format!("{} (cci)", project()),
            version: env!("CCI_VERSION"),
            repository: env!("CARGO_PKG_REPOSITORY"),
        };
        print(self.format.format, &program, |this| {
            Text::one(format_args!("{} v{}", this.name, this.version)).with(this.repository)
        })
    }
}

/// The project is named like its repository; the program has the short name.
fn project() -> &'static str {
    let repository = env!("CARGO_PKG_REPOSITORY");
    repository.rsplit('/').next().unwrap_or(repository)
}
