//! The ledger's journal, line by line: what the next command reads after this one was killed.

use std::path::Path;

use cci_host::process;
use cci_host::store::journal::Journal;
use serde::{Deserialize, Serialize};

use super::made::Made;

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// The Incus that the following is in.
    In(Server),
    /// The process that creates it.
    By(String),
    Made(Made),
    Forgotten(Made),
    /// The outcome of the request is not known, and Incus may still do it.
    InDoubt,
}

/// An Incus and a project of it: only a command that works there can roll back what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The socket's path or the URL.
    pub endpoint: String,
    /// The Incus project.
    pub project: String,
}

pub(super) fn begin(dir: &Path, server: &Server, first: &Line) -> std::io::Result<Journal> {
    let lines = [Some(Line::In(server.clone())), process::own().map(Line::By), Some(first.clone())];
    // notes that a full disk cut off would belong to no Incus: there are all three, or none
    let lines: Vec<String> = lines.iter().flatten().map(text).collect::<std::io::Result<_>>()?;
    Journal::begin(dir, &lines)
}

pub(super) fn text(line: &Line) -> std::io::Result<String> {
    serde_json::to_string(line).map_err(std::io::Error::other)
}

/// The lines that this version can read.
pub(super) fn read(lines: &[String]) -> impl Iterator<Item = Line> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok())
}

/// What the lines leave to be rolled back, newest first; `None` if that is in another Incus, or if anything in them
/// cannot be read: a line that is missed may be the one that says what stays.
pub(super) fn unfinished(lines: &[String], server: &Server) -> Option<Vec<Made>> {
    // its command was killed before it noted anything, or has closed it and could not remove it
    if lines.is_empty() {
        return Some(Vec::new());
    }
    let lines: Vec<Line> = lines.iter().map(|line| serde_json::from_str(line).ok()).collect::<Option<_>>()?;
    if !matches!(lines.first(), Some(Line::In(place)) if place == server) {
        return None;
    }
    let mut made = Vec::new();
    for line in lines {
        match line {
            Line::In(_) | Line::By(_) | Line::InDoubt => {}
            Line::Made(one) if one.is_plausible() => made.push(one),
            Line::Made(one) => tracing::warn!(%one, "ignoring a note that cci has not written"),
            Line::Forgotten(one) => made.retain(|other| *other != one),
        }
    }
    made.reverse();
    Some(made)
}
