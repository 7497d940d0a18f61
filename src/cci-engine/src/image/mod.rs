//! `cci image`: the images that Incus has, made from containers, listed and removed.

mod list;
mod owner;
mod publish;
mod remove;
pub(crate) mod roll_back;
#[cfg(test)]
mod tests;

pub use list::{ListedImage, Selection, exists, list};
pub(crate) use owner::{owned, refuse_anothers_name};
pub use publish::{Ask, Published, publish};
use remove::remove_if_nameless;
pub use remove::{Cleaned, Deleted, cleanup, delete};
