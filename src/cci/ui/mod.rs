//! What the person sees: results on stdout, everything else on stderr.

mod progress;
pub(crate) mod size;
pub(crate) mod table;
pub(crate) mod terminal;
