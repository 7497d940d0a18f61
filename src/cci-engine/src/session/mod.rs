//! Conversations and the containers that run them: started, resumed, attached, driven, recorded.

pub mod agent;
pub mod attach;
pub mod connect;
pub(crate) mod history;
pub mod holders;
pub mod info;
mod left;
mod login;
pub(crate) mod pane;
mod plant;
mod prompt;
mod provider;
pub mod record;
pub(crate) mod removal;
pub mod resume;
pub mod running;
mod secrets;
pub mod shell;
pub mod shutdown;
pub mod sign_in;
mod ssh;
pub mod state_volume;
#[cfg(test)]
mod tests;
pub mod tmux;
mod trust;
