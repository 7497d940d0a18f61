//! What is found, in groups.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::hash::Hashing;
use crate::id::Id;

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

impl Finding {
    /// What stands for this content in this place, whatever it is compared with.
    pub fn fingerprint(&self, content: Option<Id>) -> Result<Id> {
        let content = content.map(|id| id.to_string()).unwrap_or_default();
        // a mode is no content
        let mode = if self.sink == Sink::SetId { self.detail.concat() } else { String::new() };
        let path = self.path.as_os_str().as_bytes();
        let mut hashing = Hashing::plain();
        for part in [self.sink.word().as_bytes(), path, content.as_bytes(), mode.as_bytes()] {
            hashing.update(&part.len().to_be_bytes());
            hashing.update(part);
        }
        hashing.finish()
    }
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

impl How {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unseen => "unseen",
        }
    }
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

    /// The word for it, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::GitHook => "git-hook",
            Self::GitConfig => "git-config",
            Self::GitAttributes => "git-attributes",
            Self::GitRepository => "git-repository",
            Self::Link => "link",
            Self::SetId => "set-id",
            Self::Shell => "shell",
            Self::Editor => "editor",
            Self::Devcontainer => "devcontainer",
            Self::Agent => "agent",
            Self::Package => "package",
            Self::Checks => "checks",
            Self::Workflow => "workflow",
            Self::Build => "build",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json() {
        for sink in Sink::ALL {
            assert_eq!(serde_json::to_value(sink).unwrap(), sink.word());
        }
        for how in [How::New, How::Changed, How::Unseen] {
            assert_eq!(serde_json::to_value(how).unwrap(), how.word());
        }
    }

    #[test]
    fn another_content_path_mode_or_sink_is_another_finding() {
        let one = Finding { sink: Sink::Shell, path: ".envrc".into(), how: How::New, detail: Vec::new() };
        let id = |digit: &str| digit.repeat(40).parse::<Id>().ok();
        let all = [
            one.fingerprint(id("a")),
            one.fingerprint(id("b")),
            one.fingerprint(None),
            Finding { path: "x/.envrc".into(), ..one.clone() }.fingerprint(id("a")),
            Finding { sink: Sink::SetId, ..one.clone() }.fingerprint(id("a")),
            Finding { sink: Sink::SetId, detail: vec!["mode 4755".into()], ..one.clone() }.fingerprint(id("a")),
        ]
        .map(Result::unwrap);
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        let changed = Finding { how: How::Changed, ..one };
        assert_eq!(changed.fingerprint(id("a")).unwrap(), all[0], "the same content in the same place");
    }
}
