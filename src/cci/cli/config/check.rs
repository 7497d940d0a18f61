//! `cci config check`: reports what a launch would say about the files.

use std::sync::Arc;

use cci_core::Result;
use schemars::JsonSchema;
use serde::Serialize;

use super::waiting::WaitingKey;
use crate::cli::output::{FormatArg, print};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::configuration::config::Configured;
use cci_host::settings::{Project, Trust};

/// The status if something needs approval: a launch fails with it too.
const NOT_OK: u8 = 2;

/// What `config check --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci config check")]
pub(crate) struct Checked {
    /// Whether a launch would accept the files as they are. An invalid file is an error instead.
    ok: bool,
    /// The files that were read.
    files: Vec<String>,
    /// The keys of the project file that need approval and do not have it.
    waiting: Vec<WaitingKey>,
}

pub(super) fn run(args: FormatArg, cx: &Configured, terminal: &Arc<Terminal>) -> Result<u8> {
    let stack = cx.read(Trust::Weighed)?;
    let project = stack.project();
    project.map_or(Ok(()), Project::refuse_unfit)?;
    Configured::check_profiles(&stack)?;
    let waiting = project.filter(|project| !project.approved).map_or(&[][..], |project| &project.waiting);
    let files = stack.files().filter(|file| file.exists()).map(|file| file.to_string_lossy().into_owned()).collect();
    let checked = Checked { ok: waiting.is_empty(), files, waiting: WaitingKey::all(waiting) };
    print(args.format, &checked, text)?;
    if checked.ok {
        return Ok(0);
    }
    terminal.hint("read the project file, and if you want exactly this, run `cci config trust`");
    Ok(NOT_OK)
}

fn text(checked: &Checked) -> Text {
    if checked.files.is_empty() {
        return Text::one("no configuration file; the built-in values apply");
    }
    if checked.ok {
        return checked.files.iter().map(|file| format!("{file}: ok")).collect();
    }
    WaitingKey::text(&checked.waiting)
        .with(format_args!("{} key(s) of the project file wait for approval", checked.waiting.len()))
}
