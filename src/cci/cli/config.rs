//! `cci config`: what is configured, where it comes from, and which project files are trusted.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use cci_core::{Error, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::args::{Format, GlobalArgs};
use super::start::overrides;
use crate::app::config::{self, Configured};
use crate::app::reporter::Reporter;
use crate::host::terminal;
use crate::settings::{self, Entry, Trust};
use crate::ui::terminal::Terminal;

/// See, check and write the configuration
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci config show --origin     every value, and the file and line it comes from\n  cci config init              a commented file to start from\n  cci config trust             approve this workspace's .cci.toml as it is now"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Print the merged configuration
    Show(ShowArgs),
    /// Say what is wrong with the files
    Check(FormatArgs),
    /// Write a commented file to start from
    Init(InitArgs),
    /// Open the file in your editor, and check it after
    Edit(ProjectArgs),
    /// Print where the files are
    Path(FormatArgs),
    /// Print the JSON Schema, or the table of keys
    Schema(SchemaArgs),
    /// Approve the project file as it is now
    Trust(TrustArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Where each value comes from
    #[arg(long)]
    origin: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// The workspace's .cci.toml instead of your own file
    #[arg(long)]
    project: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    which: ProjectArgs,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// A JSON Schema.
    Json,
    /// A table for people.
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Print what is approved
    #[arg(long, conflicts_with = "revoke")]
    list: bool,
    /// Take the approval back
    #[arg(long)]
    revoke: bool,
}

impl ConfigVerb {
    /// The output format asked for, if the verb has one.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::Show(args) => Some(args.format),
            Self::Check(args) | Self::Path(args) => Some(args.format),
            _ => None,
        }
    }
}

pub(crate) async fn run(args: ConfigArgs, global: &GlobalArgs, terminal: &Arc<Terminal>) -> Result<u8> {
    let cx = Configured::new(&global.workspace, global.config.as_deref(), overrides(global))?;
    match args.verb {
        ConfigVerb::Show(args) => show(&args, &cx),
        ConfigVerb::Check(args) => check(&args, &cx),
        ConfigVerb::Path(args) => path(&args, &cx),
        ConfigVerb::Init(args) => {
            let path = cx.init(args.which.project, args.force)?;
            Terminal::result(&format!("{}\n", path.display())).map(|()| 0)
        }
        ConfigVerb::Edit(args) => edit(&args, &cx, terminal).await,
        ConfigVerb::Schema(args) => Terminal::result(&match args.format {
            SchemaFormat::Json => format!("{:#}\n", settings::json_schema()),
            SchemaFormat::Markdown => settings::key_table(),
        })
        .map(|()| 0),
        ConfigVerb::Trust(args) => trust(&args, &cx, terminal),
    }
}

fn show(args: &ShowArgs, cx: &Configured) -> Result<u8> {
    let stack = cx.read(Trust::Judged)?;
    let text = match (args.format, args.origin) {
        (Format::Text, origin) => as_toml(&settings::entries(&stack)?, origin),
        (Format::Json, false) => format!("{:#}\n", settings::as_json(&stack)?),
        (Format::Json, true) => {
            let entries = settings::entries(&stack)?.into_iter();
            let listed = entries.map(|one| json!({ "key": one.key, "value": one.value, "origin": one.origin }));
            format!("{:#}\n", json!(listed.collect::<Vec<_>>()))
        }
    };
    Terminal::result(&text).map(|()| 0)
}

/// `key = value`, each with a comment that says where it comes from.
pub(super) fn as_toml(entries: &[Entry], origin: bool) -> String {
    let mut out = String::new();
    for Entry { key, value, origin: from } in entries {
        let key: Vec<String> = quoted(key);
        // writing to a string cannot fail
        let _ = write!(out, "{} = {}", key.join("."), inline(value));
        let _ = if origin && !from.is_empty() { writeln!(out, "  # {from}") } else { writeln!(out) };
    }
    out
}

/// The parts of a key, with quotes where TOML needs them: what is behind `environment.` or `default.` is one name.
fn quoted(key: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((part, behind)) = rest.split_once('.') {
        parts.push(part.to_owned());
        rest = behind;
        if matches!(part, "environment" | "default") {
            break;
        }
    }
    let bare = rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    parts.push(if bare { rest.to_owned() } else { serde_json::Value::from(rest).to_string() });
    parts
}

/// A value as TOML writes it on one line.
fn inline(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(table) => {
            let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        // JSON's texts, numbers and truth values are TOML's too
        scalar => scalar.to_string(),
    }
}

fn check(args: &FormatArgs, cx: &Configured) -> Result<u8> {
    let stack = cx.read(Trust::Judged)?;
    Configured::check_profiles(&stack)?;
    let files: Vec<String> =
        stack.files().filter(|file| file.exists()).map(|file| file.display().to_string()).collect();
    let text = match args.format {
        Format::Text if files.is_empty() => "no configuration file; the built-in values hold\n".to_owned(),
        Format::Text => format!("{}: ok\n", files.join(": ok\n")),
        Format::Json => format!("{:#}\n", json!({ "ok": true, "files": files })),
    };
    Terminal::result(&text).map(|()| 0)
}

fn path(args: &FormatArgs, cx: &Configured) -> Result<u8> {
    let places = cx.places();
    let extra = places.extra.map(|extra| ("extra", extra));
    let all = [("system", places.system), ("user", places.user), ("project", places.project)].into_iter().chain(extra);
    let text = match args.format {
        Format::Text => {
            let line = |(name, path): (&str, PathBuf)| {
                let note = if path.exists() { "" } else { " (not there)" };
                format!("{name}: {}{note}", path.display())
            };
            format!("{}\n", all.map(line).collect::<Vec<_>>().join("\n"))
        }
        Format::Json => {
            let listed = all.map(|(name, path)| json!({ "name": name, "exists": path.exists(), "path": path }));
            format!("{:#}\n", json!(listed.collect::<Vec<_>>()))
        }
    };
    Terminal::result(&text).map(|()| 0)
}

async fn edit(args: &ProjectArgs, cx: &Configured, reporter: &Arc<Terminal>) -> Result<u8> {
    if !terminal::is_interactive() {
        return Err(Error::NoTerminal { verb: "config edit" });
    }
    let path = config::edit(cx, args.project).await?;
    let stack = cx.read(Trust::Judged)?;
    Configured::check_profiles(&stack)?;
    reporter.note(&format!("{}: ok", path.display()));
    Ok(0)
}

fn trust(args: &TrustArgs, cx: &Configured, reporter: &Arc<Terminal>) -> Result<u8> {
    if args.list {
        let approvals = cx.approvals()?;
        return approvals.all().try_for_each(|(path, hash)| Terminal::result(&format!("{hash}  {path}\n"))).map(|()| 0);
    }
    if args.revoke {
        let path = cx.places().project;
        let said = if cx.approvals()?.revoke(&path)? { "No longer trusted" } else { "Was not trusted" };
        reporter.note(&format!("{said}: {}", path.display()));
        return Ok(0);
    }
    let path = cx.approve()?;
    reporter.note(&format!("Trusted as it is now: {}", path.display()));
    Ok(0)
}
