//! The caller's secrets: one file each in `~/.cci/secrets`, for this user only.

mod authority;
mod first_seen;
mod kept;

pub use authority::{Authority, LEAF_LASTS, Leaf};
pub use first_seen::{FirstSeen, first_seen};
pub use kept::{Secret, Secrets, Source};
