//! Requests on their way out of a container: where each wants to go, its placeholders swapped for what they stand for, and
//! that scrubbed from the answer. Knows nothing of Incus or cci.

mod meant;
mod scrub;
mod swap;

pub use meant::{Meant, NotPlain, meant};
pub use scrub::{Scrub, Scrubbed};
pub use swap::{Swap, Swapped, is_foreign, mentions, swap};
