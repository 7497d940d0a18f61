//! Conversations on the disk and in containers, against a daemon in memory.

mod fate;
mod holders;
mod record;
mod resume;

use cci_core::session::SessionId;

fn id(byte: u8) -> SessionId {
    SessionId::from_random([byte; 16])
}
