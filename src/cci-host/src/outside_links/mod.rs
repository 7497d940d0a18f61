//! Links of a workspace that lead out of it: found without following any, and compared with those that the person has
//! let lead out.

mod record;
mod walk;

pub use crate::store::allowed_links::Allowed;
pub use record::{Consent, allowed};
pub use walk::{Found, find};
