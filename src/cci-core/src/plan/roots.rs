//! Whom the programs of a container trust to vouch for names.

/// Whom the programs of a machine trust to vouch for names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Roots {
    /// Whoever its image says.
    #[default]
    OfImage,
    /// The authority of its user as well, whose certificate is beside its sockets.
    AndOfUser,
}
