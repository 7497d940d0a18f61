//! Providers other than an agent's own API: what on the host lets a session's requests in there.

mod aws;
mod google;
mod opened;
mod profile;
mod service_account;

pub(super) use opened::{Opened, cleared};
