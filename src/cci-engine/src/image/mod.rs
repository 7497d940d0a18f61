//! `cci image`: the images that Incus has, created from containers, listed and removed.

mod list;
mod owner;
mod publish;
mod remove;
pub(crate) mod roll_back;
#[cfg(test)]
mod tests;

pub use list::{ListedImage, Selection, exists, list};
pub(crate) use owner::{refuse_anothers, with_owner};
pub use publish::{Ask, Published, publish};
use remove::remove_if_nameless;
pub use remove::{Cleaned, Deleted, cleanup, delete};
