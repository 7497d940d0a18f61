//! How a session's requests are let in by its agent's API, without a login in the container.

mod account;
mod answer;
mod begin;
mod body;
mod client;
mod head;
mod helper;
mod logins;
mod meter;
mod pace;
mod pass;

pub(super) use begin::begin;
pub(super) use logins::Logins;
