//! The caller's SSH agent for a session: its programs ask for signatures at a socket of their own, and the keys stay on
//! the host.

mod begin;
mod message;
mod relay;

pub(super) use begin::begin;
