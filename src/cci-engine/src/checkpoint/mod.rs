//! Checkpoints: one id for the container, the workspace and the conversation at one instant, and the way back.

pub mod adopt;
mod bring_back;
pub mod compare;
mod contents;
pub mod cost;
pub mod expired;
pub mod files;
pub mod fork;
pub mod forks;
mod inherited;
mod linked;
pub mod log;
mod moment;
pub(crate) mod opened;
pub(crate) mod place;
mod record;
pub mod review;
pub mod rewind;
pub(crate) mod rewound;
pub mod root;
pub mod roots;
mod running_agent;
mod seen;
pub(crate) mod subject;
pub mod take;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod thin;
pub mod verify;
pub mod wanted;
pub mod watch;

pub use linked::Apart;
