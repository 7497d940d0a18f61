//! Git on this machine, read and never run: a repository may be an agent's work, and its configuration names programs.

mod author;
mod config;
mod glob;
mod repository;
mod small_file;

pub use author::{Found, author};
pub use repository::{Elsewhere, elsewhere};
