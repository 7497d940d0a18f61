//! What is found, in groups.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One thing that would run, or changes what runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Who would run it.
    pub sink: Sink,
    /// Where, from the top of the workspace, or absolute outside of it.
    pub path: PathBuf,
    /// How it came about.
    pub how: How,
    /// What is new in it, such as `core.fsmonitor = ./x`: text of an agent's, to be shown as such.
    pub detail: Vec<String>,
}

/// How a finding came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was not there.
    New,
    /// It was there, and something else.
    Changed,
    /// It is there and could not be looked at: too large, or no file.
    Unseen,
}

/// Who runs it, and when. The order is that of a report: what needs least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sink {
    /// A program that git runs.
    GitHook,
    /// A setting of git's that names a program, or where to get settings from.
    GitConfig,
    /// Attributes by which git uses such a setting.
    GitAttributes,
    /// A repository that was not there, or is another one now.
    GitRepository,
    /// A symbolic link that leads out of the workspace.
    Link,
    /// A program with the rights of its owner.
    SetId,
    /// What a shell runs when somebody enters the directory.
    Shell,
    /// What an editor runs when somebody opens the directory.
    Editor,
    /// What a tool for development containers runs.
    Devcontainer,
    /// Settings of agents, and of this program.
    Agent,
    /// What a package manager runs by itself.
    Package,
    /// What checks before a commit run.
    Checks,
    /// What a server runs after a push.
    Workflow,
    /// What a build runs.
    Build,
}

impl Sink {
    /// Each, in the order of a report.
    pub const ALL: [Self; 14] = [
        Self::GitHook,
        Self::GitConfig,
        Self::GitAttributes,
        Self::GitRepository,
        Self::Link,
        Self::SetId,
        Self::Shell,
        Self::Editor,
        Self::Devcontainer,
        Self::Agent,
        Self::Package,
        Self::Checks,
        Self::Workflow,
        Self::Build,
    ];
}

/// A heading for the group.
impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHook => "git hooks",
            Self::GitConfig => "git settings that run programs",
            Self::GitAttributes => "git attributes that use such settings",
            Self::GitRepository => "repositories within the workspace",
            Self::Link => "links out of the workspace",
            Self::SetId => "set-user-id and set-group-id programs",
            Self::Shell => "run by the shell on entering",
            Self::Editor => "run by editors",
            Self::Devcontainer => "run by development containers",
            Self::Agent => "agents' own settings",
            Self::Package => "run by package managers",
            Self::Checks => "run before a commit",
            Self::Workflow => "run on a server after a push",
            Self::Build => "run by a build",
        })
    }
}
