//! `bench`: measures cci on the user's own Incus, beside the raw API calls that it cannot do without.

mod bed;
mod boot;
mod calm;
mod child;
mod collected;
mod files;
mod floor;
mod inside;
mod launching;
mod listing;
mod machine;
mod measure;
mod resuming;
mod subjects;

pub(crate) use measure::{Wanted, measure};
