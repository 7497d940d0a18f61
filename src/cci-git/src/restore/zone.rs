//! Which rules hold where: repositories of git keep their objects and what their reflogs say.

/// Where in a workspace a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Where everything comes back as it was.
    Plain,
    /// The directory of a repository.
    Repository,
    /// Where the repositories of submodules are, by names of any depth.
    Modules,
    /// Where the linked worktrees of a repository are.
    Worktrees,
    /// What a repository has for one linked worktree.
    Worktree,
    /// Objects, at any depth.
    Objects,
    /// The reflogs of a repository or worktree.
    Logs,
    /// Those of its refs.
    LogsOfRefs,
    /// Those of some of its refs.
    LogsBelow,
}

impl Zone {
    /// Where a child directory is.
    pub(crate) fn child(self, name: &[u8]) -> Self {
        match (self, name) {
            (Self::Logs, b"refs") => Self::LogsOfRefs,
            (Self::LogsOfRefs, b"stash") => Self::Plain,
            (Self::Logs | Self::LogsOfRefs | Self::LogsBelow, _) => Self::LogsBelow,
            (Self::Objects, _) | (Self::Repository, b"objects") => Self::Objects,
            (Self::Repository | Self::Worktree, b"logs") => Self::Logs,
            (Self::Repository | Self::Worktree, b"modules") | (Self::Modules, _) => Self::Modules,
            (Self::Repository, b"worktrees") => Self::Worktrees,
            (Self::Worktrees, _) => Self::Worktree,
            (_, b".git") => Self::Repository,
            _ => Self::Plain,
        }
    }

    /// Where a directory is that turned out to have a `HEAD`.
    pub(crate) fn with_head(self) -> Self {
        if self == Self::Modules { Self::Repository } else { self }
    }

    /// Whether what appeared since stays.
    pub(crate) fn keeps_new(self, name: &[u8]) -> bool {
        self == Self::Objects || self.keeps_today(name)
    }

    /// Whether what is there today stays as it is: reflogs, but not the one that is the list of stashes.
    pub(crate) fn keeps_today(self, name: &[u8]) -> bool {
        matches!(self, Self::Logs | Self::LogsBelow) || (self == Self::LogsOfRefs && name != b"stash")
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    fn zone(path: &str) -> Zone {
        path.split('/').fold(Zone::Plain, |zone, name| zone.child(name.as_bytes()))
    }

    #[test]
    fn objects_and_reflogs_are_known_in_repositories_submodules_and_worktrees() {
        assert_eq!(zone("a/.git/objects/ab"), Zone::Objects);
        assert_eq!(zone("a/.git/worktrees/w/logs"), Zone::Logs);
        assert_eq!(zone(".git/modules/a/b"), Zone::Modules);
        assert_eq!(zone(".git/modules/a/b").with_head().child(b"objects"), Zone::Objects);
        assert_eq!(zone("objects/ab"), Zone::Plain);
        assert_eq!(zone("logs/refs"), Zone::Plain);
    }

    #[test]
    fn the_list_of_stashes_is_no_history() {
        assert!(!zone(".git/logs/refs").keeps_today(b"stash"));
        assert!(zone(".git/logs/refs").keeps_today(b"heads"));
        assert!(zone(".git/logs/refs/heads/refs").keeps_today(b"stash"));
        assert!(zone(".git/logs").keeps_today(b"HEAD"));
    }
}
