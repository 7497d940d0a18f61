//! The files of a project, as they were read once: what they set, which of it needs approval, and the hash by which
//! exactly that is approved.

use std::path::PathBuf;

use cci_core::Result;

use super::approval::{Approvals, hash};
use super::command::{self, Command, Surroundings};
use super::layer::Layer;
use super::problem::Problem;
use super::trust::{self, Judge, Waiting};
use super::trust_mode::Trust;
use crate::caller::Caller;

/// What was read: the layer, and each file with its content.
pub(super) struct Found {
    pub(super) layer: Layer,
    pub(super) read: Vec<(PathBuf, Vec<u8>)>,
}

/// A project's files, checked.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its `.cci.toml`.
    pub path: PathBuf,
    /// The hash of its files and of what their commands name.
    pub hash: String,
    /// Whether the user has approved exactly this.
    pub approved: bool,
    /// What needs approval.
    pub waiting: Vec<Waiting>,
    /// The files that its commands name, which are approved with them.
    pub named: Vec<PathBuf>,
    unfit: Vec<Problem>,
    commands: Vec<Command>,
    around: Surroundings,
}

impl Project {
    /// Checks what was read as far as `trust` requires.
    pub(super) fn judged(found: Found, judge: &Judge<'_>, caller: &Caller, trust: Trust) -> Result<(Layer, Self)> {
        let Found { layer, mut read } = found;
        let commands = command::of_project(&layer, judge.trusted);
        let (pinned, unfit) = command::pinned(&commands, judge.file, caller, judge.workspace);
        let named = pinned.iter().map(|(path, _)| path.clone()).collect();
        read.extend(pinned);
        let hash = hash(read.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice())));
        let approved = Approvals::of(&caller.home)?.has(judge.file, &hash);
        let weighed = trust == Trust::Weighed || (trust.judges() && !approved);
        let project = Self {
            path: judge.file.to_owned(),
            approved,
            waiting: if weighed { judge.waiting(&layer)? } else { Vec::new() },
            hash,
            named,
            unfit,
            commands,
            around: Surroundings::new(caller, judge.workspace),
        };
        Ok((layer, project))
    }

    /// Refuses what is not approved, and what cannot be approved.
    pub(super) fn refuse(&self) -> Result<()> {
        self.refuse_unfit()?;
        if self.approved || self.waiting.is_empty() { Ok(()) } else { Err(trust::refusal(&self.waiting)) }
    }

    /// Refuses commands that cannot be approved.
    pub fn refuse_unfit(&self) -> Result<()> {
        if self.unfit.is_empty() { Ok(()) } else { Err(trust::unfit(&self.unfit)) }
    }

    /// Where a command runs, if it is the project's and not the user's own.
    #[must_use]
    pub fn surroundings_of(&self, line: &str) -> Option<&Surroundings> {
        self.commands.iter().any(|command| command.line == line).then_some(&self.around)
    }
}
