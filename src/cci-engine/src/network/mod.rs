//! Network policies in Incus: created on demand, shared by equal launches, refreshed, explained, removed.

mod acl;
mod answer;
mod bridge;
mod by_name;
mod ensure;
mod host_names;
mod lookup;
mod project;
mod refresh;
mod remove;
mod show;
#[cfg(test)]
mod tests;
mod why;

pub use answer::Answer;
pub(crate) use ensure::{Ensured, ensure, peek, restored};
pub use refresh::{Refreshed, on_occasion, refresh_all, while_attached};
pub use remove::{Unused, remove, unused};
pub use show::{Shown, show};
pub use why::{Question, why};
