//! Network policies in Incus: created on demand, shared by equal launches, refreshed, explained, removed.

mod acl;
mod allow;
mod answer;
mod beside;
mod bridge;
mod by_name;
mod ensure;
mod host_names;
mod learn;
mod lookup;
mod project;
mod refresh;
mod remove;
mod show;
#[cfg(test)]
mod tests;
mod tries;
mod ways;
mod why;

pub use allow::{Allowed, LONGEST_ALLOWED, Wish, allow};
pub use answer::Answer;
pub(crate) use ensure::{Ensured, ensure, peek, restored};
pub use learn::{Learnt, LearntHost, learn};
pub use refresh::{Refreshed, on_occasion, refresh_all, while_attached};
pub use remove::{Unused, remove, unused};
pub use show::{Shown, show};
pub(crate) use tries::Tries;
pub(crate) use ways::of_note as ways_of_note;
pub use ways::{TlsEnded, Ways};
pub use why::{Question, why};
