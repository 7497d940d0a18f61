//! The session store under `~/.cci`: the conversations of every workspace, on the host.

pub mod checkpoints;
mod entry_path;
pub(crate) mod exact_dir;
pub mod forks;
pub mod give_back;
pub mod guest_dir;
mod holes;
pub mod journal;
pub mod meter;
pub mod mount_link;
pub mod network_cache;
pub mod noted;
pub mod owners;
pub mod pack;
pub mod place;
pub mod put;
pub mod remark;
pub mod remove;
pub mod run_dir;
pub mod seed;
pub mod sessions;
pub mod size;
pub mod staging;
pub mod transcripts;
pub mod tree;
pub mod unpack;
pub mod usage;
