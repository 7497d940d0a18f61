//! `cci schema`: the JSON Schema of everything that cci prints as JSON, made from the very types that are printed.

use cci_core::bench::Report;
use cci_core::{Error, Result};
use clap::Args;
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::capture::Kept;
use super::output::{TableFormatArg, print};
use super::usage::nearest;
use super::{clean, config, doctor, list, shell, tmux, version};
use crate::ui::json;
use crate::ui::table::table;
use crate::ui::terminal::{ReportedError, Terminal};
use cci_engine::configuration::profile;
use cci_engine::image::{Cleaned, Deleted, ListedImage, Published};
use cci_engine::image_build::Built;
use cci_engine::network::{Answer, Refreshed, Shown};
use cci_engine::session::info::Info;
use cci_host::settings::{self, Entry};

/// Print the JSON Schema of what a verb prints with `--format json`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci schema                 the list of names\n  cci schema list\n  cci schema image list > image-list.schema.json"
)]
pub(crate) struct SchemaArgs {
    /// The verb, such as `list` or `image list`, or `error`; the list of names if absent
    #[arg(add = ArgValueCandidates::new(names))]
    name: Vec<String>,
    /// How to print the list of names
    #[command(flatten)]
    pub(crate) format: TableFormatArg,
}

/// What one verb prints.
struct Described {
    name: &'static str,
    what: &'static str,
    schema: fn() -> Value,
}

const SCHEMAS: &[Described] = &[
    Described { name: "bench", what: "what was measured", schema: of::<Report> },
    Described { name: "build", what: "the image that was made, or was there already", schema: of::<Built> },
    Described { name: "clean", what: "what was or would be removed", schema: of::<clean::Outcome> },
    Described {
        name: "config-check",
        what: "the files that were read, and what waits for approval",
        schema: of::<config::check::Checked>,
    },
    Described { name: "config-path", what: "where the configuration is", schema: of::<Vec<config::Place>> },
    Described { name: "config-show", what: "the merged configuration", schema: settings::json_schema },
    Described { name: "config-show-origin", what: "each value and where it comes from", schema: of::<Vec<Entry>> },
    Described { name: "config-trust", what: "what a project file asks for", schema: of::<config::trust::Asked> },
    Described { name: "config-trust-list", what: "approved project files", schema: of::<Vec<config::trust::Approved>> },
    Described { name: "container-exec", what: "what `--capture` has kept", schema: of::<Kept> },
    Described { name: "doctor", what: "the findings", schema: of::<doctor::Report> },
    Described { name: "error", what: "a failure, on stderr", schema: of::<ReportedError> },
    Described { name: "image-cleanup", what: "the images that are gone", schema: of::<Cleaned> },
    Described { name: "image-delete", what: "the image that is gone", schema: of::<Deleted> },
    Described { name: "image-list", what: "the images", schema: of::<Vec<ListedImage>> },
    Described { name: "image-publish", what: "the new image", schema: of::<Published> },
    Described { name: "info", what: "a saved session", schema: of::<Info> },
    Described { name: "list", what: "the containers and saved sessions", schema: of::<list::Lists> },
    Described { name: "network-refresh", what: "the names looked up again", schema: of::<Vec<Refreshed>> },
    Described { name: "network-show", what: "the rules in force for a container", schema: of::<Shown> },
    Described { name: "network-why", what: "which rule decides about a host", schema: of::<Vec<Answer>> },
    Described { name: "profile-list", what: "the profiles", schema: of::<Vec<profile::Listed>> },
    Described { name: "profile-show", what: "what a profile sets", schema: of::<Vec<Entry>> },
    Described { name: "run", what: "what `--capture` has kept", schema: of::<Kept> },
    Described { name: "schema", what: "this list", schema: of::<Vec<Name>> },
    Described { name: "shell", what: "the session that `--background` started", schema: of::<shell::StartedSession> },
    Described { name: "tmux-capture", what: "the lines of a pane", schema: of::<tmux::Captured> },
    Described { name: "tmux-list", what: "the running sessions", schema: of::<tmux::Sessions> },
    Described { name: "version", what: "the version", schema: of::<version::Program> },
];

/// One name of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Name {
    name: &'static str,
    /// What is described.
    about: &'static str,
}

pub(crate) fn run(args: &SchemaArgs) -> Result<u8> {
    if args.name.is_empty() {
        let names: Vec<Name> = SCHEMAS.iter().map(|one| Name { name: one.name, about: one.what }).collect();
        return print(args.format.format, &names, |names| {
            table(["NAME", "WHAT IT DESCRIBES"], names.iter().map(|one| [one.name.to_owned(), one.about.to_owned()]))
        });
    }
    let name = args.name.join("-");
    match SCHEMAS.iter().find(|one| one.name == name) {
        Some(described) => Terminal::result(&json::pretty(&(described.schema)())?).map(|()| 0),
        None => Err(Error::Usage {
            problem: format!("no schema '{name}'"),
            hint: Some(match nearest(&name, SCHEMAS.iter().map(|one| one.name)) {
                Some(near) => format!("did you mean '{near}'? `cci schema` lists them"),
                None => "`cci schema` lists them".to_owned(),
            }),
        }),
    }
}

/// The schema of a type as it is written, not as it could be read.
fn of<T: JsonSchema>() -> Value {
    let generator: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema: Schema = generator.into_root_schema_for::<T>();
    schema.to_value()
}

fn names() -> Vec<CompletionCandidate> {
    SCHEMAS.iter().map(|one| CompletionCandidate::new(one.name).help(Some(one.what.into()))).collect()
}
