//! Where networks and ACLs are.

use cci_incus::Client;

use crate::context::Context;

/// The client of the project that networks and ACLs are in, which is that of projects without networks of their own.
pub(super) fn networks(cx: &Context) -> Client {
    cx.client.in_project("default")
}
