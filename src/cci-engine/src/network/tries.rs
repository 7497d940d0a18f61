//! How often a change of a network is tried: more often while interfaces of the host come and go.

use std::time::Duration;

use cci_incus::Refusal;

use crate::retry::Retry;

/// How long it is tried while each refusal is for an interface that disappeared: Incus looks at every interface of the
/// host, and where containers start and stop all the time, one of them is often just going.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tries of one change.
pub(crate) struct Tries {
    others: Retry,
    interface_gone: Retry,
}

impl Tries {
    /// At most this many, not counting those that met an interface that disappeared.
    pub(crate) fn up_to(tries: u32) -> Self {
        Self { others: Retry::up_to(tries), interface_gone: Retry::within(PATIENCE) }
    }

    /// Those that this refusal counts among.
    pub(crate) fn after(&mut self, refusal: &Refusal) -> &mut Retry {
        if *refusal == Refusal::InterfaceGone { &mut self.interface_gone } else { &mut self.others }
    }
}
