//! Maintenance of the machine: setting it up, cleaning it, reclaiming files.

pub mod clean;
pub mod reclaim;
pub mod setup;
#[cfg(test)]
mod tests;
