//! The workspace's place in git: whose repository it has, what a container has to see of it, and what an agent must not touch.
//!
//! Everything that is read here can have been written by an agent. It is opened without following a link in any part of a path, is
//! bounded, and leads nowhere that does not lead back: a linked worktree and its repository name each other, a submodule's repository
//! names its worktree, and objects are borrowed from repositories only. A [`Refusal`] says what is wrong and what to do. What nobody
//! can prove, a separate git directory, is [said to be so](Layout::is_proven). A [`Record`] of what was allowed once is compared with
//! what is found on every later launch.

mod bind;
mod find;
mod guard;
pub(crate) mod hostile;
mod nested;
pub(crate) mod pointer;
mod private;
mod record;
mod refusal;
mod repository;
mod settings;
mod settled;
mod shown;

pub(crate) use guard::modules;

pub use bind::Bind;
pub use find::{Layout, WorksAt};
pub use guard::{Guarded, GuardedAs};
pub use nested::Nested;
pub use private::Private;
pub use record::{Changed, Record, Way, What};
pub use refusal::Refusal;
pub use repository::{Link, Repository, Sibling};
pub use settled::Settled;
pub use shown::{Role, Shown, Stub};
