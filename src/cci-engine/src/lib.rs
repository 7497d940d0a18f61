//! The use-cases: each does one thing with Incus and this host, and none knows how it is typed or shown.

pub mod audit;
pub mod blocking;
#[cfg(test)]
mod budgets;
pub mod checkpoint;
pub mod configuration;
pub mod context;
pub mod event;
pub mod image;
pub mod image_build;
pub mod incus_error;
mod incus_progress;
pub mod instance;
pub mod launch;
pub mod ledger;
pub mod network;
pub mod process;
pub mod reporter;
pub mod retry;
pub mod roll_back;
pub mod room;
pub mod scope;
pub mod session;
pub mod site;
pub mod supervision;
#[cfg(test)]
mod testing;
pub mod transfer;
pub mod upkeep;
pub mod worktree;
