//! `cci schema`: the JSON Schema of everything that cci prints as JSON, generated from the types that are printed.

use cci_core::{Error, Result};
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, TableFormatArg, print};
use super::usage::nearest;
use super::verb::{Call, Offline, Verb};
use crate::ui::json;
use crate::ui::table::table;
use crate::ui::terminal::{ReportedError, Terminal};

/// What the verb is called.
pub(crate) const NAME: &str = "schema";

/// Print the JSON Schema of what a verb prints with `--format json`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci schema                 the list of names\n  cci schema list\n  cci schema image list > image-list.schema.json"
)]
pub(crate) struct SchemaArgs {
    /// The verb, such as `list` or `image list`, or `error`; without it, the list of names
    name: Vec<String>,
    /// How to print the list of names
    #[command(flatten)]
    format: TableFormatArg,
}

/// One name of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Name {
    name: &'static str,
    /// What is described.
    about: &'static str,
}

impl Verb for SchemaArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<ReportedError>("error", "a failure, on stderr"),
        Described::new::<Vec<Name>>("schema", "this list"),
    ];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format.into())
    }
}

impl Offline for SchemaArgs {
    async fn run(self, call: &Call<'_>) -> Result<u8> {
        let all = (call.program.schemas)();
        if self.name.is_empty() {
            let names: Vec<Name> = all.iter().map(|one| Name { name: one.name, about: one.what }).collect();
            return print(self.format.format, &names, |names| {
                table(
                    ["NAME", "WHAT IT DESCRIBES"],
                    names.iter().map(|one| [one.name.to_owned(), one.about.to_owned()]),
                )
            });
        }
        let name = self.name.join("-");
        match all.iter().find(|one| one.name == name) {
            Some(described) => Terminal::result(&json::pretty(&(described.schema)())?).map(|()| 0),
            None => Err(Error::Usage {
                problem: format!("no schema '{name}'"),
                hint: Some(match nearest(&name, all.iter().map(|one| one.name)) {
                    Some(near) => format!("did you mean '{near}'? `cci schema` lists them"),
                    None => "`cci schema` lists them".to_owned(),
                }),
            }),
        }
    }
}
