//! `cci build`: builds an image from a source by steps in a container, or leaves everything as it was.
//!
//! One file per idea: where the base comes from (`base`, `bootstrap`), the container (`container`), its steps (`steps`,
//! `certificates`), other versions of its agents (`agents`, `look`), the finished image (`publish`), and the log of the build (`log`).

pub mod agents;
mod base;
mod bootstrap;
pub(super) mod certificates;
mod container;
mod image;
mod log;
mod look;
mod publish;
mod steps;
#[cfg(test)]
mod tests;

pub use image::{Ask, Built, Recipe, build};
pub use publish::move_alias;
