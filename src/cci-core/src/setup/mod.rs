//! What a machine needs for cci, decided from what was found on it: findings for `doctor`, steps for `setup`.

mod daemon;
pub mod distro;
pub mod finding;
pub mod findings;
mod firewall;
pub mod found;
pub mod inotify;
mod objects;
mod packages;
mod rights;
pub mod step;
pub mod subnet;
