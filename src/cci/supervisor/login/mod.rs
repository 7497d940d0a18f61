//! How a session's requests are let in by its agent's API, without a login in the container.

mod account;
mod answer;
mod apart;
mod begin;
mod body;
mod client;
mod command;
mod head;
mod helper;
mod logins;
mod meter;
mod pace;
mod pass;
mod provider;
mod renewal;
mod reserve;
mod show;
mod tally;

pub(super) use apart::Apart;
pub(super) use apart::Renews;
pub(crate) use apart::be_apart;
pub(super) use begin::begin;
pub(super) use body::{Asked as AskedBody, Cut};
pub(super) use client::{client, proven};
pub(super) use head::{of_no_connection, passed_back};
pub(super) use helper::Helper;
pub(super) use logins::Logins;
pub(super) use pass::cut;
#[cfg(test)]
pub(super) use renewal::{Asked, Outcome, renew};
