//! Where networks and ACLs are.

use cci_incus::Client;

use crate::context::Context;

/// The client of the project where networks and ACLs are: that of projects without networks of their own.
pub(super) fn networks(cx: &Context) -> Client {
    cx.client.in_project("default")
}
