//! From what is asked to a running container: facts, plan, claim.

mod claim;
mod create;
pub mod early_end;
#[cfg(test)]
mod effects;
mod ensure;
pub mod environment;
mod facts;
mod ids;
mod image;
mod launched;
mod limits;
mod mounts;
mod nic;
mod otherwise;
mod plain;
mod proof;
mod reuse;
mod session;
mod start_failure;
#[cfg(test)]
pub(crate) mod tests;
mod workspace;

pub(crate) use claim::{claim, likely};
pub use facts::{Subject, Survey, agent_ids, survey};
pub(crate) use ids::note_ids;
pub(crate) use image::{NOTED, RESOLV_PROPERTY, as_made};
pub(crate) use launched::Launched;
pub use nic::PROFILE;
pub use plain::plain;
pub use session::{launch_mark, new_session_id, store};
pub(crate) use start_failure::explained as start_failed;
pub use workspace::usable;
