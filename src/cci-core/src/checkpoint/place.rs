//! Where the root file systems of checkpoints are kept.

use super::PROJECT;

/// The Incus project that holds the root file systems of another one's containers.
///
/// Each project has one of its own: two installations that share an Incus, and tests beside either, neither see nor
/// clean what is the others'.
///
/// ```
/// use cci_core::checkpoint::project_for;
///
/// assert_eq!(project_for("default"), "cci-checkpoints");
/// assert_eq!(project_for("work"), "work-checkpoints");
/// ```
#[must_use]
pub fn project_for(project: &str) -> String {
    if project == "default" { PROJECT.to_owned() } else { format!("{project}-checkpoints") }
}
