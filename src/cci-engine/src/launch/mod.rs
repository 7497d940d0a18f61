//! From a request to a running container: facts, plan, claim.

pub mod boot_failure;
mod claim;
mod create;
mod dotenv;
#[cfg(test)]
mod effects;
pub(crate) mod egress;
mod ensure;
pub mod environment;
mod facts;
mod forward;
pub(crate) mod git;
mod ids;
mod image;
mod known_hosts;
mod launched;
mod limits;
mod links;
mod mounts;
mod nic;
mod notices;
mod origin;
mod policy_check;
pub(crate) mod reach;
mod replan;
mod reuse;
mod same_path;
mod session;
mod standalone;
mod start_failure;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod unreachable;
mod workspace;

pub use claim::claim;
pub(crate) use claim::likely;
pub use facts::{Subject, Survey, agent_ids, survey};
pub(crate) use ids::note_ids;
pub(crate) use image::{GVISOR_PROPERTY, NOTED, RESOLV_PROPERTY, as_made};
pub use launched::Launched;
pub use nic::PROFILE;
pub(crate) use notices::tell;
pub use session::{launch_mark, new_session_id, store};
pub use standalone::standalone;
pub(crate) use start_failure::explained as start_failed;
pub use workspace::usable;
