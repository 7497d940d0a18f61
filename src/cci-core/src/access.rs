//! By which right somebody may write in a directory of the host: only some of them reach into a container.

/// What lets the caller write there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAccess {
    /// Their user, their primary group, or a right that everybody has: a container's agent has it too.
    Own,
    /// A group that they are in beside their primary one.
    FurtherGroup(String),
    /// An access control list that names a group.
    GroupList,
    /// None: the file system is mounted read-only.
    ReadOnly,
    /// Nothing.
    None,
}
