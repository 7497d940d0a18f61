//! What a workspace consists of now: a walk with several threads, each file's id from the stat cache or from its bytes.

pub(crate) mod content;
pub(crate) mod how;
pub(crate) mod listing;
pub(crate) mod look;
pub(crate) mod pending;
pub(crate) mod pool;
pub(crate) mod seal;
pub(crate) mod walk;
