//! The kind of an operation, recognised from Incus's description of it. No other file reads such a description.

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the API's own, and instances are what they are about")]
pub enum OperationKind {
    Creating,
    Starting,
    Stopping,
    Restarting,
    Freezing,
    Unfreezing,
    Updating,
    Renaming,
    Snapshotting,
    Deleting,
    CleaningUp,
    Executing,
    /// Any other, on any object.
    Other,
}

/// Each description with its kind.
const DESCRIPTIONS: [(&str, OperationKind); 12] = [
    ("Creating instance", OperationKind::Creating),
    ("Starting instance", OperationKind::Starting),
    ("Stopping instance", OperationKind::Stopping),
    ("Restarting instance", OperationKind::Restarting),
    ("Freezing instance", OperationKind::Freezing),
    ("Unfreezing instance", OperationKind::Unfreezing),
    ("Updating instance", OperationKind::Updating),
    ("Renaming instance", OperationKind::Renaming),
    ("Snapshotting instance", OperationKind::Snapshotting),
    ("Deleting instance", OperationKind::Deleting),
    ("Cleaning up instance", OperationKind::CleaningUp),
    ("Executing command", OperationKind::Executing),
];

impl OperationKind {
    /// Recognises an operation by its description.
    ///
    /// ```
    /// use cci_incus_types::OperationKind;
    ///
    /// assert_eq!(OperationKind::recognize("Stopping instance"), OperationKind::Stopping);
    /// assert_eq!(OperationKind::recognize("Downloading image"), OperationKind::Other);
    /// ```
    #[must_use]
    pub fn recognize(description: &str) -> Self {
        DESCRIPTIONS.iter().find(|known| known.0 == description).map_or(Self::Other, |known| known.1)
    }

    /// The description that Incus gives such an operation; `None` for [`OperationKind::Other`].
    #[must_use]
    pub fn description(self) -> Option<&'static str> {
        DESCRIPTIONS.iter().find(|known| known.1 == self).map(|known| known.0)
    }

    /// Whether an ephemeral instance is gone when it is done.
    #[must_use]
    pub fn ends_an_instance(self) -> bool {
        matches!(self, Self::Stopping | Self::Deleting | Self::CleaningUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_description() {
        for (description, kind) in DESCRIPTIONS {
            assert_eq!(OperationKind::recognize(description), kind);
            assert_eq!(kind.description(), Some(description));
        }
        assert_eq!(OperationKind::Other.description(), None);
    }
}
