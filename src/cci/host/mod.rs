//! The machine cci runs on: the caller, the signals, the terminal, the tables of accounts and of subordinate ids.

pub(crate) mod account_lock;
pub(crate) mod accounts;
pub(crate) mod btrfs;
pub(crate) mod caller;
pub(crate) mod incus_socket;
pub(crate) mod limits;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod processors;
pub(crate) mod pty;
pub(crate) mod signals;
pub(crate) mod stop_hook;
pub(crate) mod subids;
pub(crate) mod system_file;
pub(crate) mod terminal;
pub(crate) mod zone;
