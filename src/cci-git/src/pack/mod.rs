//! Objects on the disk: packs as git has them, without deltas.

pub(crate) mod deflate;
pub(crate) mod entry;
pub(crate) mod file;
pub(crate) mod index;
pub(crate) mod merge;
pub(crate) mod read;
pub(crate) mod write;
