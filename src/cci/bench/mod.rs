//! `bench`: measures cci on the user's own Incus, beside the raw API calls that it cannot do without.

mod bed;
mod begun;
mod boot;
mod calm;
mod checkpointing;
mod checkpoints;
mod child;
mod clock;
mod collected;
mod egress;
mod files;
mod floor;
mod inside;
mod launching;
mod listing;
mod login;
mod machine;
mod measure;
mod project;
mod report;
mod resident;
mod resuming;
mod rewinding;
mod row;
mod straight;
mod stub;
mod subjects;
mod summary;

pub(crate) use measure::{Wanted, measure};
pub(crate) use report::{Machine, Report};
#[cfg(test)]
pub(crate) use row::Subject;
pub(crate) use row::{Row, Target, Unit};
pub(crate) use summary::Summary;
