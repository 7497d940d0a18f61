//! How a verb takes a project file that loosens what the user set.

/// What becomes of a project file that loosens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is refused unless it is approved.
    Judged,
    /// It is left out unless it is approved: for what starts nothing in a container.
    SetAside,
    /// The same, and one that is damaged is left out too: for what ends something.
    LeftOut,
    /// It is read, with what needs approval.
    Weighed,
    /// It is read.
    Unjudged,
}

impl Trust {
    /// Whether what is not approved does not count.
    pub(super) fn judges(self) -> bool {
        matches!(self, Self::Judged | Self::SetAside | Self::LeftOut)
    }
}
