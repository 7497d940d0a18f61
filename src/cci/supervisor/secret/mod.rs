//! Requests of sessions to the hosts of the caller's secrets: passed on with the values, which no container has.

mod begin;
mod carrier;
mod credential;
mod leaves;
mod out;
mod pass;
mod refused;
mod upgrade;
mod vault;

pub(super) use begin::begin;
pub(super) use carrier::Carrier;
pub(super) use credential::credential;
pub(super) use vault::Vault;
