//! What the user sees: results on stdout, everything else on stderr.

mod event;
pub(crate) mod json;
pub(crate) mod log;
mod progress;
mod question;
pub(crate) mod size;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod timeline;
