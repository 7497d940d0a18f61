//! The result of a launch.

use cci_core::lifetime::Lifetime;
use cci_core::plan::LaunchPlan;
use cci_core::slot::Slot;

/// A running container that belongs to this launch alone.
#[derive(Debug, Clone)]
pub struct Launched {
    /// The container's name.
    pub name: String,
    /// The slot it has.
    pub slot: Slot,
    /// Whether it outlives its stop.
    pub lifetime: Lifetime,
    /// Whether it existed before and was started again.
    pub reused: bool,
    /// What has changed in its configuration.
    pub changed: Vec<String>,
    /// The plan as it was carried out: on the host as it turned out to be.
    pub plan: LaunchPlan,
}

/// The outcome of one try.
pub(super) enum Tried {
    /// The slot belongs to this launch.
    Ours(Box<Launched>),
    /// Another launch was quicker.
    Lost,
}

impl Tried {
    pub(super) fn ours(launched: Launched) -> Self {
        Self::Ours(Box::new(launched))
    }
}
