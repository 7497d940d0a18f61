//! How far a transfer, a build or an operation of Incus is.

use super::{BuildStep, Event};

/// How far something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is in progress.
    pub activity: Activity,
    /// How much of it is done.
    pub amount: Amount,
}

/// What is in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// A build gives Incus its root file system.
    ImportRootfs,
    /// A container is created for cci's own work.
    Create {
        /// The step, as errors name it.
        step: &'static str,
    },
    /// A container becomes an image.
    PublishImage,
    /// A step of a build.
    Build(BuildStep),
    /// Files go into or come out of a container.
    Transfer {
        /// Which of the two.
        direction: Direction,
        /// How many so far.
        files: u64,
    },
    /// What Incus reports of one of these in its own words.
    Incus {
        /// Its words.
        words: String,
    },
}

/// Where files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into a container.
    Push,
    /// Out of it.
    Pull,
}

/// How much of something is done, in the unit it is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// It is not counted.
    Unknown,
    /// Bytes, and their total if it is known.
    Bytes {
        /// How many so far.
        done: u64,
        /// How many in total.
        total: Option<u64>,
    },
    /// The step in progress, from 1, and how many there are.
    Steps {
        /// This one.
        done: u64,
        /// All of them.
        total: u64,
    },
    /// 0 to 100.
    Percent(u8),
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Progress(progress)
    }
}
