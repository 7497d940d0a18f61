//! What runs in a container, and what comes out of one.
//!
//! The shell scripts that cci runs in a container, their exit codes, the commands for its tmux, the archives for
//! transfers, and [`GuestText`], which makes a container's text safe for a screen. A guest is hostile: nothing that it
//! sends is trusted in size or form. Nothing here does I/O, except that the archive reader reads what it is given.

pub mod account;
pub mod agent_socket;
pub mod alias;
pub mod archive;
pub mod author;
mod become_command;
pub mod closed;
mod escape;
pub mod exit;
pub mod gate;
pub mod git;
pub mod gvisor;
pub mod handshake;
pub mod init;
pub mod layout;
pub mod modes;
pub mod output;
pub mod ownership;
pub mod pane;
pub mod probe;
pub mod restart;
pub mod shell;
pub mod standstill;
pub mod terminal;
pub mod text;
pub mod tmux;
pub mod transfer;
pub mod trust;
pub mod umask;

pub use exit::GuestExit;
pub use text::GuestText;
