//! Git on this machine, read and never run: an agent can have written a repository, and its configuration names programs.

mod author;
mod files;
mod glob;
mod objects;
mod own_branch;
mod remotes;
mod repository;
mod shared;
mod small_file;

pub use author::{Found, author};
pub use own_branch::Advanced;
pub use remotes::remotes;
pub use repository::{Elsewhere, elsewhere, is_elsewhere};
pub use shared::{Added, Linked, Shared};
