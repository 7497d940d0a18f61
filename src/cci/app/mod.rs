//! The use-cases: one file each, none of which knows how it is typed or shown.

pub(crate) mod agent;
pub(crate) mod attach;
pub(crate) mod blocking;
pub(crate) mod clean;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod end;
pub(crate) mod incus_error;
pub(crate) mod info;
pub(crate) mod launch;
pub(crate) mod list;
pub(crate) mod owned;
pub(crate) mod persist;
pub(crate) mod probe;
pub(crate) mod profile;
pub(crate) mod record;
pub(crate) mod reporter;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod stream;
pub(crate) mod take_back;
pub(crate) mod tmux;
pub(crate) mod undo;
