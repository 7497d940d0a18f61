//! The container part of a checkpoint on a real Incus: what stands still, what is kept and what comes back.

mod changes;
mod faults;
mod kept;
mod policy;
mod pretenders;
mod restored;
mod standstill;
mod world;
