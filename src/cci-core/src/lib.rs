//! The domain of cci: names, slots, sessions, settings and the launch plan.
//!
//! Everything here is a pure decision over values passed in: no file, no clock, no environment, no network. So it can
//! be tested as a table, and the same launch plan serves every verb.

pub mod access;
pub mod account;
pub mod address;
pub mod audit;
pub mod boundary;
pub mod build;
pub mod checkpoint;
pub mod code;
pub mod container_ids;
pub mod dated_image;
pub mod dotenv;
pub mod env_file;
pub mod environment;
pub mod error;
pub mod forward;
pub mod git_device;
pub mod hint;
pub mod host_disk;
pub mod idmap;
pub mod lifetime;
pub mod limit;
pub mod machine;
pub mod machine_id;
pub mod mark;
pub mod metadata;
pub mod mount;
pub mod name;
pub mod network;
pub mod outside_link;
pub mod pin;
pub mod plan;
pub mod prompt;
pub mod secret;
pub mod session;
pub mod settings;
pub mod setup;
pub mod slot;
pub mod stop_hook;
pub mod workspace;

pub use error::{Error, Result};
