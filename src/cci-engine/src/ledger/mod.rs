//! What a command created and has not kept yet: noted before it is created, rolled back when the command fails or is
//! killed.

mod entries;
mod lines;
mod made;

pub use entries::{Abandoned, Ledger};
pub use lines::Server;
pub use made::Made;
