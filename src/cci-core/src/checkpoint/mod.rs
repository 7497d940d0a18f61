//! Checkpoints: what one id stands for, how a person names it, and which are kept.

mod id;
mod node;
mod place;
mod pool;
mod reference;
mod thin;

pub use id::{CheckpointId, CheckpointIdError};
pub use node::{Cause, Linked, Node, NotHeld, Root, Talk, Tree};
pub use place::project_for;
pub use pool::Pool;
pub use reference::{Reference, Unresolved, resolve};
pub use thin::{Keep, expendable, nearest_left};

/// The Incus project that holds the containers of checkpoints.
pub const PROJECT: &str = "cci-checkpoints";
