//! How long a container lives.

/// What happens to a container when it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Incus deletes it when it stops, whoever stopped it.
    Ephemeral,
    /// It stays, stopped, and is reused.
    Persistent,
}

impl Lifetime {
    /// From the `persistent` setting.
    #[must_use]
    pub fn persistent(yes: bool) -> Self {
        if yes { Self::Persistent } else { Self::Ephemeral }
    }

    /// Whether it outlives its stop.
    #[must_use]
    pub fn is_persistent(self) -> bool {
        self == Self::Persistent
    }

    /// The word that lists show.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::Persistent => "persistent",
        }
    }
}
