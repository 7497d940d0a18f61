//! What gives the caller write access to a directory of the host: not all of it is effective in a container.

/// What gives the caller write access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAccess {
    /// Their user, their primary group, or the mode for everybody: the agent in a container has this access too.
    Own,
    /// One of their supplementary groups.
    FurtherGroup(String),
    /// An access control list that names a group.
    GroupList,
    /// Nothing.
    None,
}
