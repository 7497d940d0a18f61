//! By which right somebody may use a file or directory of the host: only some of them reach into a container.

/// What is to be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Write in a directory, or a file.
    Write,
    /// Read it.
    Read,
}

/// What lets the caller do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Their user, their primary group, or a right that everybody has: a container's agent has it too.
    Own,
    /// One of their supplementary groups.
    FurtherGroup(String),
    /// An access control list that names a group.
    GroupList,
    /// None: the file system is mounted read-only.
    ReadOnly,
    /// Nothing.
    None,
}

impl Access {
    /// Whether the caller has it by a right that ends at the container.
    #[must_use]
    pub fn ends_outside(&self) -> bool {
        matches!(self, Self::FurtherGroup(_) | Self::GroupList)
    }
}
