//! Prints a result to stdout, as text for people or JSON for programs.

use cci_core::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::ui::json;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;

/// How results are printed: for people, or for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

/// The same where the text is a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Table,
    Json,
}

impl From<TableFormat> for Format {
    fn from(format: TableFormat) -> Self {
        match format {
            TableFormat::Table => Self::Text,
            TableFormat::Json => Self::Json,
        }
    }
}

// `--format text|json`; as a doc comment clap would take it for the verb's description
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FormatArg {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

// `--format table|json`
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TableFormatArg {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: TableFormat,
}

/// Prints a result; its text is built only if it is needed.
pub(crate) fn print<T: Serialize>(format: impl Into<Format>, data: &T, text: impl FnOnce(&T) -> Text) -> Result<u8> {
    let out = match format.into() {
        Format::Text => text(data),
        Format::Json => json::pretty(data)?,
    };
    Terminal::result(&out).map(|()| 0)
}
