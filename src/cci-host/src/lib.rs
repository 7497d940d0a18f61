//! The machine cci runs on: the caller, the signals, the terminal, the tables of accounts and of subordinate ids.

pub mod access;
pub mod account_lock;
pub mod accounts;
pub mod btrfs;
pub mod caller;
pub mod git;
mod hex;
pub mod incus_socket;
pub mod input;
pub mod limits;
pub mod login;
pub mod mounts;
pub mod network;
pub mod process;
pub mod processors;
pub mod pty;
pub mod secrets;
pub mod settings;
pub mod signals;
pub mod stop_hook;
pub mod store;
pub mod subids;
pub mod system_file;
pub mod terminal;
mod way;
pub mod zone;
mod zone_name;
