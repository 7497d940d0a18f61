//! `cci reference DIR`, for those who work on cci: writes the pages that are made from the program itself.

use std::path::{Path, PathBuf};

use cci_core::code::CODES;
use cci_core::{Error, Result};
use clap::{Args, Command};

use super::launch_flags::LaunchFlag;
use super::verb::{Call, Offline, Verb};

/// Write the manual pages and the page of error codes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci reference misc    after a change of the command line or of the errors")]
pub(crate) struct ReferenceArgs {
    /// Where to: `man/*.1` and `error-codes.md` in it
    dir: PathBuf,
}

impl Verb for ReferenceArgs {
    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }
}

impl Offline for ReferenceArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let man = self.dir.join("man");
        std::fs::create_dir_all(&man).map_err(|source| failed("create", &man, source))?;
        write_manual(&(call.program.command)(), &man)?;
        let page = self.dir.join("error-codes.md");
        std::fs::write(&page, error_codes()).map_err(|source| failed("write", &page, source))?;
        Ok(0)
    }
}

/// One page for the command and each below it: `cci.1`, `cci-image.1`, `cci-image-list.1`.
fn write_manual(command: &Command, man: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let path = man.join(format!("{name}.1"));
    let page = clap_mangen::Man::new(command.clone().name(name.clone())).date("").source("cci").manual("cci");
    let mut text = Vec::new();
    page.render(&mut text).map_err(|source| failed("write", &path, source))?;
    std::fs::write(&path, text).map_err(|source| failed("write", &path, source))?;
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    below.into_iter().try_for_each(|below| write_manual(below, man))
}

fn error_codes() -> String {
    let rows = CODES.iter().map(|code| format!("| `{}` | {} | {} |\n", code.name, code.exit, code.meaning));
    format!(
        "# Error codes\n\n\
         Made by `cci reference misc` from `src/cci-core/src/code.rs`. With `--format json` a failure is one object on stderr:\n\
         `{{\"error\": {{\"code\": \"container-not-found\", \"message\": \"…\", \"hint\": \"…\"}}}}`, `hint` only where there is one.\n\
         Codes do not change their meaning. In a verb that passes a command's own status on (`run`, `container exec`) exit 1 is 125.\n\n\
         | code | exit | what happened |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

fn failed(step: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Host { step, path: path.to_owned(), source }
}
