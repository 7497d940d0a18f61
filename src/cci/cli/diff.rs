//! `cci diff`: what changed in the workspace between two checkpoints.

use std::ffi::OsString;
use std::path::Path;

use cci_core::Result;
use cci_core::checkpoint::Reference;
use cci_guest::GuestText;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::pager;
use crate::ui::patch;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::checkpoint::files::{self, Compared, Differing};
use cci_engine::context::Context;
use cci_git::ChangeKind;

/// Show what changed in the workspace since a checkpoint
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci diff                              since the current checkpoint\n  cci diff 3fa9c1                       since this one\n  cci diff ~2 ~1 --stat                 between two, as a list of files\n  cci diff ~1 src/                      only below src"
)]
pub(crate) struct DiffArgs {
    /// One checkpoint or two (their ids, the first digits of them, or ~N), then paths of the workspace
    #[arg(value_name = "ID|~N|PATH")]
    words: Vec<OsString>,
    /// List the files with the number of lines
    #[arg(long)]
    stat: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci diff")]
struct Diff {
    /// The files that differ, by path.
    files: Vec<File>,
}

/// A file that differs.
#[derive(Debug, Serialize, JsonSchema)]
struct File {
    /// Its path below the workspace.
    path: String,
    /// `added`, `deleted`, `modified`, `mode` or `type`.
    change: &'static str,
    /// Lines that were added.
    added: usize,
    /// Lines that were removed.
    removed: usize,
}

impl Verb for DiffArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Diff>("diff", "the files that differ between two checkpoints")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for DiffArgs {
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let differing = files::diff(cx, slot(call.flags.launch.slot)?, &compared(&self.words)).await?;
        if self.format.format == Format::Json {
            let files = differing.iter().map(listed).collect();
            return print(Format::Json, &Diff { files }, |_| Text::default());
        }
        let part = if self.stat { patch::stat } else { patch::patch };
        let shown: Vec<u8> = differing.iter().flat_map(part).collect();
        if pager::is_shown() {
            if !shown.is_empty() {
                pager::page(&Text::block(&shown), cx.caller.var("PAGER")).await?;
            }
        } else {
            // another program reads it, byte for byte
            Terminal::raw(&shown)?;
        }
        Ok(0)
    }
}

/// Checkpoints come first; what does not look like one is a path.
fn compared(words: &[OsString]) -> Compared {
    let mut compared = Compared::default();
    for word in words {
        let named = word.to_str().filter(|word| compared.paths.is_empty() && Reference::parse(word).is_ok());
        match (named, &compared.from, &compared.to) {
            (Some(id), None, _) => compared.from = Some(id.to_owned()),
            (Some(id), Some(_), None) => compared.to = Some(id.to_owned()),
            _ => {
                let path = Path::new(word);
                compared.paths.push(path.strip_prefix("./").unwrap_or(path).to_owned());
            }
        }
    }
    compared
}

fn listed(file: &Differing) -> File {
    let (added, removed) = patch::lines(file);
    let change = match file.kind {
        ChangeKind::Added => "added",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Modified => "modified",
        ChangeKind::ModeChanged => "mode",
        ChangeKind::Retyped => "type",
    };
    let path = GuestText::new(&file.path).to_string();
    File { path, change, added, removed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Compared {
        compared(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn checkpoints_come_before_paths() {
        let both = words(&["~2", "3fa9", "src", "./lib"]);
        assert_eq!((both.from.as_deref(), both.to.as_deref()), (Some("~2"), Some("3fa9")));
        assert_eq!(both.paths, [Path::new("src"), Path::new("lib")]);
        let paths = words(&["src", "3fa9"]);
        assert_eq!((paths.from, paths.paths.len()), (None, 2), "after a path everything is one");
    }
}
