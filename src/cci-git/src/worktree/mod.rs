//! Worktrees of a session: each a repository of its own that borrows the objects of its parent, made by [`make`] at the speed of git,
//! and judged by [`left`] at the end. What a session commits comes to the parent by [`bring`], object by object.
//!
//! Nothing of the session is believed: it is read by descriptors, through no link, with limits, and without its configuration; every
//! object has to be what its id says and what git would accept from a stranger. Nothing is run.

mod accept;
mod besides;
mod bring;
mod checkout;
mod delta;
mod fault;
mod forward;
mod ignores;
mod include;
mod index;
mod left;
mod make;
mod new;
mod packed;
mod place;
mod refs;
mod source;
mod sparse;
mod users;
mod whole;

pub use bring::bring;
pub use fault::Fault as Unfit;
pub use forward::{Forward, forward, is_merged};
pub use left::{Left, left};
pub use make::make;
pub use new::{Made, New, Skipped};
pub use refs::{at, resolve};
