//! `review`: what a session left in the workspace that would run on the host, or changes what runs there. Its first checkpoint is
//! compared with the workspace as it is now; Incus is asked nothing.

pub mod at_end;
pub(crate) mod begin;
pub mod look;
pub mod settle;
#[cfg(test)]
mod tests;
