//! The care of the machine: set up, cleaned, files handed back.

pub mod clean;
pub mod reclaim;
pub mod setup;
#[cfg(test)]
mod tests;
