//! Reads the layers of configuration and merges them: built-in, system, user, project, extra file, environment, flags.

mod load;

pub(crate) use load::{Overrides, load};
