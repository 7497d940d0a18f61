//! A whole result: where it comes from, what was measured, and what an earlier result said of the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::Row;

/// Where a result comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Machine {
    /// cci's own version.
    pub(crate) cci: String,
    /// The version of Incus.
    pub(crate) incus: String,
    /// The kernel's version.
    pub(crate) kernel: String,
    /// The name of the storage pool and its driver.
    pub(crate) pool: String,
    /// The driver of the storage pool.
    pub(crate) driver: String,
    /// How many processors there are.
    pub(crate) cpus: usize,
    /// The host's memory in MiB.
    pub(crate) memory_mib: u64,
    /// How many processes wanted to run in the minute before the measurement.
    pub(crate) load: f64,
    /// The image of the containers.
    pub(crate) image: String,
    /// The mode of their network.
    pub(crate) network: String,
}

/// A whole result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Report {
    /// Where it comes from.
    pub(crate) machine: Machine,
    /// How often each row was measured.
    pub(crate) runs: u32,
    /// What was measured.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Puts an earlier result's medians beside those of the same rows here.
    pub(crate) fn compare(&mut self, earlier: &Self) {
        for row in &mut self.rows {
            let same = earlier.rows.iter().find(|other| other.key == row.key);
            row.before = same.and_then(|other| other.cci).map(|cci| cci.median);
        }
    }
}
