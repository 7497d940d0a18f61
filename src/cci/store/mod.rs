//! The session store under `~/.cci`: the conversations of every workspace, on the host.

pub(crate) mod archive;
pub(crate) mod guest_dir;
pub(crate) mod journal;
pub(crate) mod meter;
pub(crate) mod mount_link;
pub(crate) mod network_cache;
pub(crate) mod noted;
pub(crate) mod owners;
pub(crate) mod pack;
pub(crate) mod place;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod seed;
pub(crate) mod sessions;
pub(crate) mod size;
pub(crate) mod staging;
pub(crate) mod transcripts;
pub(crate) mod unpack;
