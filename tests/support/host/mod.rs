//! A hermetic host: own home, own container prefix, own Incus project, cleared environment, a real user.

mod binary;
mod incus;
mod run;
pub mod supervisor;
mod user;
mod world;

pub use binary::{binary_dir, built_dir, files, image};
pub use incus::{answer, daemon_socket, exec_in_background, incus};
pub use run::{Output, kill_group, run, run_within};
pub use user::{ROOT, U1000, U1234, User};
pub use world::Host;
