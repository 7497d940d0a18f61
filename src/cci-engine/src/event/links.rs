//! Links of a workspace that a launch leaves closed.

use std::path::PathBuf;

/// A link of the workspace whose target the container does not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedLink {
    /// The link, from the workspace.
    pub link: PathBuf,
    /// Where it leads on the host.
    pub target: PathBuf,
    /// Why it stays closed.
    pub why: WhyClosed,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyClosed {
    /// It was not there, or led elsewhere, before a container had the workspace.
    New,
    /// The workspace is in what it leads to.
    Around,
    /// It leads into a hidden place of the home.
    OfHome,
    /// On its way it passes a link that a container may have made.
    Led,
    /// So many are open already.
    TooMany(usize),
    /// It cannot be mounted, in words.
    Unusable(String),
}
