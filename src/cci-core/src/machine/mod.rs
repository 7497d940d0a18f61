//! A machine as cci requests it from Incus: typed, and rendered into Incus's maps at the last step.

mod container;
mod spec;

pub use container::{Container, container};
pub use spec::{Hooks, MachineIds, MachineSpec};
