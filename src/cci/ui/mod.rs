//! What the user sees: results on stdout, everything else on stderr.

pub(crate) mod count;
mod event;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod pager;
pub(crate) mod patch;
mod progress;
mod question;
pub(crate) mod size;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod timeline;
