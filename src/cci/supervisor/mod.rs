//! The supervisor: one process for a user, for what must outlive a command. It holds nothing that it cannot find again.

mod ask;
mod bucket;
mod build;
mod commands;
mod control;
mod door;
mod duty;
mod egress;
mod ensure;
mod guest;
mod house;
mod http;
mod lock;
mod log;
mod login;
mod place;
mod presence;
mod run;
mod secret;
mod session;
mod spawn;
mod ssh;
mod status;
#[cfg(test)]
mod tests;
mod written;

pub(crate) use ask::{Ask, stop};
pub(crate) use duty::{Duty, Moment, Of, Over, Taken};
pub(crate) use ensure::{Own, beside, for_launch, for_names, keep, on_occasion, restart, watched};
pub(crate) use log::tail;
pub(crate) use login::be_apart;
pub(crate) use place::Place;
pub(crate) use run::run;
pub(crate) use status::{Status, WatchedSession};
