//! How a verb treats a project file that loosens what the user set.

/// What happens to a project file that loosens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is refused unless it is approved.
    Judged,
    /// It is ignored unless it is approved: for verbs that start nothing in a container.
    SetAside,
    /// The same, and a damaged one is ignored too: for verbs that stop something.
    LeftOut,
    /// It is read, with what needs approval.
    Weighed,
    /// It is read.
    Unjudged,
}

impl Trust {
    /// Whether settings that are not approved are ignored.
    pub(super) fn judges(self) -> bool {
        matches!(self, Self::Judged | Self::SetAside | Self::LeftOut)
    }
}
