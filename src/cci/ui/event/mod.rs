//! The engine's events as text: what is a note, a warning or a step, and in which words.

mod build;
mod checkpoint;
mod history;
mod launch;
mod links;
mod omission;
mod progress;
mod repository;
mod session;
mod telling;
mod told;
mod transfer;
mod upkeep;

pub(super) use telling::Telling;
pub(super) use told::told;
