//! Reads the layers of configuration and merges them: built-in, system, user, project, extra file, environment,
//! profile, flags.

mod approval;
mod check;
mod command;
mod document;
mod expand;
mod file;
mod layer;
mod merge;
mod nearest;
mod problem;
mod profile;
mod project;
mod reader;
mod sections;
mod show;
mod sources;
mod stack;
#[cfg(test)]
mod tests;
mod trust;
mod trust_mode;
mod values;

pub use approval::Approvals;
pub use command::Surroundings;
pub use document::{json_schema, key_table, starter};
pub use profile::shipped;
pub use project::Project;
pub use show::{Entry, as_json, entries, of_profile};
pub use sources::{Overrides, Places, places};
pub use stack::{Overrule, Stack};
pub use trust::Waiting;
pub use trust_mode::Trust;
