//! What live tests stand on: a project of their own, containers that are gone afterwards, and deadlines.

mod bed;
mod image;

use std::time::Duration;

pub(crate) use bed::{Bed, shared};

/// Long enough for everything that a test starts.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
