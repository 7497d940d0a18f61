//! Reads the layers of configuration and merges them: built-in, system, user, project, extra file, environment,
//! profile, flags.

mod approval;
mod check;
mod command;
mod document;
mod expand;
mod file;
mod layer;
mod nearest;
mod problem;
mod profile;
mod project;
mod show;
mod sources;
mod stack;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use approval::Approvals;
pub(crate) use command::Surroundings;
pub(crate) use document::{json_schema, key_table, starter};
pub(crate) use profile::shipped;
pub(crate) use project::Project;
pub(crate) use show::{Entry, as_json, entries, of_profile};
pub(crate) use sources::{Overrides, Places, places};
pub(crate) use stack::{Stack, Trust};
pub(crate) use trust::Waiting;
